"""Findings to text for people (concise, full) and for programs (json)."""
