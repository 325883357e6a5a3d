"""The page that explains a procedure to a patient, with its 3-D model."""
