"""Anatomies of other tools and scans: read, understood and mended, ready to become a real anatomy."""
