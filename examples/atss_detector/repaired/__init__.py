"""The same detector as it exports: a fixed number of candidates, and a mask that says which of them count."""
