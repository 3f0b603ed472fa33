"""CVL4: masks and data-dependent shapes."""
