"""Voxels with a unit, in patient space. Knows nothing of oncology."""
