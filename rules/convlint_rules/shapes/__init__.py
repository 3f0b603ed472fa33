"""CVL6: shapes."""
