"""CVL2: Python and NumPy values."""
