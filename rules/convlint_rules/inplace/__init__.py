"""CVL1: writing in place."""
