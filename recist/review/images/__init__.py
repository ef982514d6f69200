"""Voxels for the browser: found, prepared once, and served slice by slice."""
