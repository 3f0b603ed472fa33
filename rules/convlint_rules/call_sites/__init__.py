"""CVL9: call sites and artefacts."""
