"""CVL8: operators."""
