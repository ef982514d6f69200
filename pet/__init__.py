"""Standardised uptake values, uptake of lesions, and metabolic response criteria."""
