"""What limits an outline, patient by patient: by rule, from what can be measured.

Where a true outline is known, what was missed of it and what was drawn beyond it are looked at in
the images: how much tracer they take up beside the part that was found, whether they are fat, how
alike both are on the CT, whether they hang on the lesion or lie apart. The rules say which of these
holds; none of them looks at the Dice but the first, which says that there is little to explain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import cc3d
import numpy as np

from imaging.resampling import resample
from imaging.tables.rows import csv_text, written_rows
from imaging.volume import Array, BoolArray, Mask, Volume
from imaging.writing import write_text
from segmentation.boundaries import border_share
from segmentation.bundle import Bundle
from segmentation.evaluation import Diameter, dice
from segmentation.figures import markdown
from segmentation.infer import Delineation, delineate
from segmentation.lesion_uptake import uptake_beyond, uptake_contrast
from segmentation.packing import read_images
from segmentation.physiological import lesions_of
from segmentation.prompts import deepest_click
from segmentation.quality import flagged, reaches_edge

#: Missed or added tissue is explained from this share of the true volume.
TELLING = 0.1
#: Tissue takes up little beside what was found, or as much as it, from these shares of its median.
COLD, AS_HOT = 0.5, 0.6
#: Tissue is fat below the first HU; this share of what was missed makes it the reason.
FAT_HU, FATTY = -30.0, 0.3
#: Tissue is alike on CT when its median differs by less than this, HU.
ALIKE_HU = 20.0
#: A contrast, a share of border or a length that is a limit of its own.
FAINT, HARDLY_BOUND, LONG_MM = 1.5, 0.75, 150.0
#: Uptake that goes on beyond the lesion is told from this many times its volume.
GOES_ON = 0.3
#: What the automatic mode finds off the lesion is told from this share of its volume.
ELSEWHERE = 0.05


@dataclass(frozen=True, slots=True)
class Facts:
    """One patient, clicked at the deepest point of the true outline, and without a prompt.

    Attributes:
        volume_ml, longest_mm: of the true outline.
        click, off_mm: Dice after a click, and the longest diameter found less the true one.
        automatic: Dice without a prompt, what is proposed as an organ left out;
            ``automatic_elsewhere_ml`` lies in pieces off the lesion.
        flags: what the answer to the click says of itself.
        missed, added: share of the true volume that the click's answer lacks, and has too much.
        missed_apart: share of what was missed that lies in another piece of the true outline.
        uptake: mean SUV of the true lesion over that within 15 mm of it.
        uptake_beyond: tissue like it that hangs on it, as a multiple of its volume.
        cold: share of the true lesion with less than half of its median found uptake.
        fat: share of the true lesion below :data:`FAT_HU`.
        border, border_ct: share of the true surface along which CT or PET, or the CT, change.
        missed_uptake, added_uptake: their median SUV over that of what was found.
        missed_fat: share of what was missed that is fat.
        added_hu: median HU of what was added less that of what was found.
        at_edge: the true outline reaches the border of the image.
    """

    case: str
    volume_ml: float
    longest_mm: float
    click: float
    off_mm: float
    automatic: float
    automatic_elsewhere_ml: float
    flags: str
    missed: float
    added: float
    missed_apart: float
    uptake: float
    uptake_beyond: float
    cold: float
    fat: float
    border: float
    border_ct: float
    missed_uptake: float
    added_uptake: float
    missed_fat: float
    added_hu: float
    at_edge: bool


def facts_of(
    case: str,
    images: tuple[Volume, Volume],
    true: BoolArray,
    answers: tuple[Delineation, Delineation],
    diameter: Diameter,
) -> Facts:
    """What can be measured of one patient.

    Args:
        images: CT in HU, PET in SUVbw.
        true: (i, j, k) on the CT grid, not empty.
        answers: to a click, and without a prompt.
    """
    (ct, suv), (clicked, automatic) = images, answers
    lesion = Mask.of(true, ct.grid)
    found = clicked.mask()
    hit, missed, added = true & found, true & ~found, found & ~true
    uptake = resample(suv, ct.grid, fill=0.0).array
    hu = ct.array
    own = max(_median(uptake, hit if hit.any() else true), 1e-3)
    pieces = cc3d.connected_components(np.ascontiguousarray(true.T, np.uint8), connectivity=26).T
    main = true & (pieces == np.argmax(np.bincount(pieces[true])))
    every = automatic.mask()
    longest = diameter(lesion)
    lengths = [diameter(each.mask) for each in clicked.candidates]
    return Facts(
        case=case,
        volume_ml=lesion.volume_ml,
        longest_mm=longest,
        click=dice(true, found),
        off_mm=max(lengths, default=0.0) - longest,
        automatic=dice(true, every),
        automatic_elsewhere_ml=sum(
            each.mask.volume_ml
            for each in automatic.candidates
            if not (true[each.mask.box] & each.mask.array).any()
        ),
        flags="; ".join(flag for each in clicked.candidates for flag in each.flags),
        missed=_share(missed, true),
        added=_share(added, true),
        missed_apart=_share(missed & ~main, missed),
        uptake=uptake_contrast(lesion, suv) or 0.0,
        uptake_beyond=uptake_beyond(lesion, suv) or 0.0,
        cold=_share(true & (uptake < COLD * own), true),
        fat=_share(true & (hu < FAT_HU), true),
        border=border_share(lesion, ct, suv),
        border_ct=border_share(lesion, ct, None),
        missed_uptake=_median(uptake, missed) / own,
        added_uptake=_median(uptake, added) / own,
        missed_fat=_share(missed & (hu < FAT_HU), missed),
        added_hu=_median(hu, added) - _median(hu, hit if hit.any() else true),
        at_edge=reaches_edge(lesion),
    )


def _median(values: Array, where: BoolArray) -> float:
    return float(np.median(values[where])) if where.any() else 0.0


def _share(part: BoolArray, whole: BoolArray) -> float:
    return int(np.count_nonzero(part)) / max(int(np.count_nonzero(whole)), 1)


def limits(facts: Facts) -> tuple[str, ...]:
    """What limits the outline after a click, the largest first; never empty."""
    found = []
    if facts.missed >= TELLING:
        found.append((facts.missed, f"{_percent(facts.missed)} missed, {_of_missed(facts)}"))
    if facts.added >= TELLING:
        found.append((facts.added, f"{_percent(facts.added)} too much, {_of_added(facts)}"))
    found.sort(reverse=True)
    told = [text for _, text in found] or [
        f"its border only (missed {_percent(facts.missed)}, too much {_percent(facts.added)})"
    ]
    if facts.uptake < FAINT:
        told.append(f"faint: {facts.uptake:.1f} times the uptake around it")
    if facts.border < HARDLY_BOUND:
        told.append(f"no border along {_percent(1 - facts.border)} of its surface")
    if facts.longest_mm >= LONG_MM:
        told.append(f"{facts.longest_mm:.0f} mm long, trained on windows of 192 mm")
    if facts.at_edge:
        told.append("reaches the edge of the image")
    if facts.automatic_elsewhere_ml > ELSEWHERE * facts.volume_ml:
        told.append(f"automatic: {facts.automatic_elsewhere_ml:.0f} ml elsewhere")
    return tuple(told)


def _of_missed(facts: Facts) -> str:
    if facts.missed_apart >= 0.5:
        return "in a second piece"
    if facts.missed_fat >= FATTY:
        return f"{_percent(facts.missed_fat)} of it fat"
    if facts.missed_uptake < COLD:
        return f"cold ({facts.missed_uptake:.1f} of the uptake found)"
    return f"takes up {facts.missed_uptake:.1f} of what was found: the network's own"


def _of_added(facts: Facts) -> str:
    alike = abs(facts.added_hu) < ALIKE_HU
    if facts.added_uptake >= AS_HOT:
        more = (
            f", {facts.uptake_beyond:.1f} volumes go on" if facts.uptake_beyond >= GOES_ON else ""
        )
        return f"as hot as it ({facts.added_uptake:.1f}{more})"
    if alike:
        return f"alike on CT ({facts.added_hu:+.0f} HU), a CT border on {_percent(facts.border_ct)}"
    return f"{facts.added_uptake:.1f} of its uptake, {facts.added_hu:+.0f} HU: the network's own"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def limits_table(facts: Sequence[Facts]) -> str:
    """One line a patient, the lowest Dice first, as a Markdown table."""
    return markdown(
        [
            {
                "patient": one.case,
                "ml": f"{one.volume_ml:.0f}",
                "longest mm": f"{one.longest_mm:.0f}",
                "click: Dice": f"{one.click:.2f}",
                "off by mm": f"{one.off_mm:+.0f}",
                "automatic: Dice": f"{one.automatic:.2f}",
                "flags after a click": one.flags or "-",
                "what limits it": "; ".join(limits(one)),
            }
            for one in sorted(facts, key=lambda one: one.click)
        ]
    )


def measured_limits(
    cases: Sequence[tuple[Path, str, Bundle]],
    out: Path,
    diameter: Diameter,
    *,
    device: str = "auto",
    on_case: Callable[[int, int, str], None] | None = None,
) -> list[Facts]:
    """The facts of every case with PET; what is done stays in ``limits.csv`` of a folder.

    Args:
        cases: folder, name and the networks that never saw it.
        diameter: longest diameter of a mask in mm.
        on_case: told how many cases are done, of how many, and which is next.
    """
    table = out / "limits.csv"
    done = [_facts(row) for row in written_rows(table).rows]
    held = {one.case for one in done}
    for number, (folder, name, bundle) in enumerate(cases):
        if on_case is not None:
            on_case(number, len(cases), name)
        if name in held:
            continue
        ct, suv, label = read_images(folder, name)
        true = np.asarray(label.array > 0)
        if suv is None or not true.any():
            continue
        click = deepest_click(true, ct.grid)
        clicked, automatic = (
            delineate(ct, suv, bundle, prompt=prompt, device=device) for prompt in (click, None)
        )
        clicked = flagged(clicked, suv=suv, diameter=diameter)
        automatic = lesions_of(automatic, ct, suv)
        done.append(facts_of(name, (ct, suv), true, (clicked, automatic), diameter))
        write_text(table, csv_text([asdict(one) for one in done], [f.name for f in fields(Facts)]))
    return done


def _facts(row: Mapping[str, str]) -> Facts:
    found: dict[str, Any] = {}
    for field in fields(Facts):
        text = row[field.name]
        if field.type == "bool":
            found[field.name] = text == "True"
        else:
            found[field.name] = text if field.type == "str" else float(text)
    return Facts(**found)
