"""Inion: an ultrasound-guided injection simulator for the head and neck."""
