"""Ultrasound made from an anatomy: probes and their places, the medium, image formation, Doppler, the screen."""
