"""Anatomies as files of other tools: surfaces, labels, scenes and landmarks, with names, colours, units, frame and credit."""
