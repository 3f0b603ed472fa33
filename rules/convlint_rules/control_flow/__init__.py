"""CVL3: control flow."""
