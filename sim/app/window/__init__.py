"""The training app in a desktop window of VTK."""
