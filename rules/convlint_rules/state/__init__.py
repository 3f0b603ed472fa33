"""CVL7: random numbers, and what a module keeps, takes and gives back."""
