"""CVL5: dtypes, and what integers do."""
