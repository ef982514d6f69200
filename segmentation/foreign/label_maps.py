"""Label maps that another tool has written, found by the name of the examination.

Three ways of naming are read: ``NAME.nii.gz`` (nnU-Net), a folder for each case with a file for
each class, ``NAME/lung_nodules.nii.gz`` (TotalSegmentator), and ``NAME_seg.nii.gz`` or
``NAME_no_tumor_seg.nii.gz`` somewhere below the case's folder (LION). NAME is the subject, with or
without the date or the label of the visit, or the name of the image's file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaging.errors import InputError
from imaging.masks import read_label_map
from imaging.read_json import read_json
from imaging.volume import BoolArray, Volume
from segmentation.foreign.recipe import Recipe
from segmentation.infer import Delineation
from segmentation.instances import components

#: Words that a tool appends to the name of the image it answered.
TAILS = (
    "",
    "seg",
    "segmentation",
    "pred",
    "prediction",
    "lesions",
    "tumor",
    "notumorseg",
    "tumorseg",
)
#: What names an image and not its case: nnU-Net's first channel, and our own.
IMAGE_TAILS = ("_0000", "_ct")


@dataclass(frozen=True, slots=True)
class LabelMapFiles:
    """A folder of label maps, or one label map.

    Attributes:
        numbers: labels that are lesions; empty takes every one.
        classes: names of files that are lesions, where each class is a file.
    """

    root: Path
    files: tuple[Path, ...]
    numbers: frozenset[int]
    classes: frozenset[str]

    @classmethod
    def at(cls, path: Path, recipe: Recipe) -> LabelMapFiles:
        """List the label maps; names of labels are looked up in nnU-Net's ``dataset.json``.

        Raises:
            InputError: there is no label map.
        """
        every = [path] if path.is_file() else sorted(path.rglob("*.nii*"))
        files = tuple(one for one in every if one.name.endswith((".nii", ".nii.gz")))
        if not files:
            raise InputError("holds no NIfTI label map", where=path)
        known = _names(path)
        numbers = {one for one in recipe.lesions if isinstance(one, int)}
        classes = set()
        for one in recipe.lesions:
            if isinstance(one, str):
                numbers |= {known[one]} if one in known else set()
                classes |= set() if one in known else {one}
        return cls(path, files, frozenset(numbers), frozenset(classes))

    def of(self, names: Sequence[str]) -> tuple[Path, ...]:
        """The files of an examination; the names are tried in turn, the fullest first.

        Raises:
            InputError: none, or several that are not classes of one case.
        """
        if self.root.is_file():
            return self.files
        for name in names:
            found = tuple(path for path in self.files if self._is_of(path, _plain(name)))
            if len(found) > 1 and not self.classes:
                told = ", ".join(str(path.relative_to(self.root)) for path in found[:4])
                raise InputError(
                    f"{len(found)} label maps of {name}: {told}",
                    where=self.root,
                    remedy='say which are lesions: lesions = ["FILE NAME WITHOUT .nii.gz"]',
                )
            if found:
                return found
        raise InputError(
            f"no label map of {' or '.join(names) or 'this image'}",
            where=self.root,
            remedy="name it SUBJECT_DATE.nii.gz, or put it into a folder SUBJECT/DATE",
        )

    def _is_of(self, path: Path, name: str) -> bool:
        if not name:
            return False
        inside = path.relative_to(self.root)
        stem = stem_of(path)
        if self.classes and stem in self.classes:
            folders = [_plain(part) for part in inside.parts[:-1]]
            return name in folders or name == "".join(folders[:2])
        if self.classes and len(inside.parts) > 1:
            return False
        plain = _plain(stem)
        return any(plain == name + tail for tail in TAILS)


def stem_of(path: Path) -> str:
    """The name of a file without what says that it is an image of a kind."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    for tail in IMAGE_TAILS:
        stem = stem.removesuffix(tail)
    return stem


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _names(path: Path) -> dict[str, int]:
    """Labels by name, where nnU-Net left its ``dataset.json`` beside its answers."""
    beside = (path.parent if path.is_file() else path) / "dataset.json"
    try:
        labels = read_json(beside)["labels"]
        return {str(name): int(number) for name, number in labels.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def delineate(written: LabelMapFiles, ct: Volume, names: Sequence[str]) -> Delineation:
    """The lesions of one examination, a candidate for each connected piece.

    Raises:
        InputError: no label map is called like the examination, or it lies on another grid.
    """
    lesion: BoolArray = np.zeros(ct.grid.shape, np.bool_)
    for path in written.of(names):
        labels = read_label_map(path, ct.grid)
        by_file = stem_of(path) in written.classes
        wanted = written.numbers if written.numbers and not by_file else None
        lesion |= labels > 0 if wanted is None else np.isin(labels, sorted(wanted))
    return Delineation(ct.grid, components(lesion, ct.grid), written.root.name)
