"""Delineation of lesions: the network, its training and evaluation, thresholds and prompts."""
