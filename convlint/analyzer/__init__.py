"""Documents to events, without importing or running anything of the user's."""
