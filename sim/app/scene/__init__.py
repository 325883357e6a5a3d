"""The live 3-D view."""
