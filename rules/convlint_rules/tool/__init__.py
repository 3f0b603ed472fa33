"""CVL0: files and suppressions. The linter itself makes these findings; here is what they mean."""
