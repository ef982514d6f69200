"""Abscopal response over a whole cohort. ``cohort.abscopal_file`` is the way in."""

from __future__ import annotations

from recist.cohort.abscopal_files import abscopal_file

__all__ = ["abscopal_file"]
