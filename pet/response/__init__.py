"""Metabolic response criteria. Each is a function of two or more scans and its settings."""
