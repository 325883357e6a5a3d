"""Films of scenarios: turntable, layer peel, needle path, ultrasound sweep, guided tour."""
