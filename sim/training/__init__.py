"""Training: needle truth, trial, metrics and score; pure functions on frozen values."""
