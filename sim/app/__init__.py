"""The training app: its live 3-D view, its server and its page."""
