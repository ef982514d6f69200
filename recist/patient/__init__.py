"""The image job on one patient, in order: from studies to an assessed course."""
