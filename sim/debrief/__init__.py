"""The debrief: one page after an attempt."""
