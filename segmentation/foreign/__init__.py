"""Other people's models from a local path, asked in the same way as our own.

A MONAI bundle, a TorchScript file, the result folder of nnU-Net v2, or label maps that another tool
has already written. Nothing is downloaded. A TorchScript file is code, and a MONAI bundle's
configuration can run code; without trust only a plain network of MONAI is built from it.
"""

from __future__ import annotations

from segmentation.foreign.model import ForeignModel, delineate_with, open_model
from segmentation.foreign.recipe import ModelKind, Recipe, read_recipe

__all__ = ["ForeignModel", "ModelKind", "Recipe", "delineate_with", "open_model", "read_recipe"]
