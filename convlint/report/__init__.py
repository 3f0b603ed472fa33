"""Findings to text for people (concise, full, grouped) and for programs (JSON, SARIF, build servers...)."""
