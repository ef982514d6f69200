"""Corrections that come into a reading whole: tables that were there before, or a reader's files.

An entry holds them as the tables that ``recist correct`` takes, word for word, and names the
outlines, which are stored apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from imaging.errors import InputError
from imaging.masks import read_label_map
from imaging.volume import Grid, Mask
from recist.patient.corrections import (
    FILE_NAMES,
    Corrections,
    DrawnLesion,
    read_corrections,
    write_corrections,
)
from recist.patient.corrections.correction_tables import corrections_in
from recist.review.reading.entries import Content
from recist.review.reading.packed_outlines import PackedMask

Grids = Callable[[str], Grid]


def content_of(
    said: Corrections,
    subject: str,
    kinds: Collection[str],
    *,
    grid_at: Grids,
    keep: Callable[[PackedMask], str],
) -> dict[str, Any]:
    """Corrections as an entry holds them.

    Args:
        kinds: of the tables that were given; what was said of other kinds before stays.
        grid_at: the grid of the CT of a date.
        keep: stores an outline and gives its name.

    Raises:
        InputError: an outline that does not lie on the CT of its date.
    """
    drawn = tuple(_on_ct(each, grid_at) for each in said.drawn)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corrections(folder, subject, replace(said, drawn=drawn))
        tables = {kind: (folder / FILE_NAMES[kind]).read_text("utf-8") for kind in kinds}
    outlines = {
        f"{each.date} {each.lesion}": keep(PackedMask.of(each.outline))
        for each in drawn
        if isinstance(each.outline, Mask)
    }
    return {"kinds": sorted(kinds), "tables": tables, "outlines": outlines}


def _on_ct(drawn: DrawnLesion, grid_at: Grids) -> DrawnLesion:
    """The entry with its outline as voxels."""
    if not isinstance(drawn.outline, Path):
        return drawn
    grid = grid_at(drawn.date.isoformat())
    mask = Mask.of(read_label_map(drawn.outline, grid) != 0, grid)
    if not mask.voxels:
        where = f"lesion {drawn.lesion}, {drawn.date}"
        raise InputError("what was drawn holds no voxel of the image", where=where)
    return replace(drawn, outline=mask)


def corrections_held(
    content: Content, subject: str, outline_of: Callable[[str, str], Mask]
) -> Corrections:
    """The corrections that an entry holds.

    Args:
        outline_of: a stored outline by its name, at a date.
    """
    outlines: Mapping[str, str] = content["outlines"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "outlines").mkdir()
        for kind, text in content["tables"].items():
            (folder / FILE_NAMES[kind]).write_text(text, "utf-8")
        for each in _outline_files(content):  # they lie in the database
            (folder / each).touch()
        said = corrections_in(folder, subject)

    def drawn(each: DrawnLesion) -> DrawnLesion:
        stored = outlines.get(f"{each.date} {each.lesion}")
        if stored is None:
            return each
        return replace(each, outline=outline_of(stored, each.date.isoformat()))

    return replace(said, drawn=tuple(map(drawn, said.drawn)))


def _outline_files(content: Content) -> list[str]:
    """The names of files in the table of what was drawn."""
    text = str(content["tables"].get("drawn", ""))
    return [word for line in text.splitlines() for word in line.split(",") if _is_outline(word)]


def _is_outline(word: str) -> bool:
    return word.startswith("outlines/") and word.endswith(".nii.gz") and ".." not in word


def read_files(folder: Path, subject: str) -> tuple[Corrections, tuple[str, ...]]:
    """The corrections in tables of a folder, and of which kinds there are tables.

    Raises:
        InputError: no table, one that cannot be read, or none that names this subject.
    """
    given = {kind: folder / name for kind, name in FILE_NAMES.items() if (folder / name).is_file()}
    if not given:
        names = ", ".join(FILE_NAMES.values())
        raise InputError("no table of corrections is among the files", remedy=f"give {names}")
    found = read_corrections(**given)
    if subject not in found:
        others = ", ".join(found) or "nobody"
        raise InputError(
            "nothing is said of this patient there", where=subject, remedy=f"they name {others}"
        )
    return found[subject], tuple(given)
