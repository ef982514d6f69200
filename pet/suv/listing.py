"""What ``recist suv`` prints: the factor of a series folder and how it was found."""

from __future__ import annotations

import json as json_format
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from imaging.errors import InputError
from imaging.writing import SCHEMA_VERSION
from pet.suv.audit import Audit
from pet.suv.conversion import suv_factors
from pet.suv.normalisation import SuvType


def suv_report(
    series_folder: Path,
    kind: SuvType = SuvType.BW,
    *,
    json: bool = False,
    strict: bool = False,
) -> str:
    """The audit of the PET series in a folder, as text or as JSON.

    Raises:
        InputError: no folder, no PET series in it or several; and what :func:`suv_factors` raises.
    """
    try:
        audit = suv_factors(pet_headers(series_folder), kind=kind, strict=strict)
    except InputError as error:
        if error.where is None:
            error.args = (f"{series_folder}: {error}",)
            error.where = str(series_folder)
        raise
    if not json:
        return as_text(audit)
    return json_format.dumps({"schema_version": SCHEMA_VERSION, **audit.as_dict()}, indent=2)


def pet_headers(folder: Path) -> list[Dataset]:
    """The headers of the DICOM PET instances below a folder (no pixels), in order of file name."""
    if not folder.is_dir():
        raise InputError("not a folder", where=folder, remedy="give the folder of one PET series")
    headers: list[Dataset] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except (InvalidDicomError, OSError):
            continue
        if header.get("Modality") == "PT":
            headers.append(header)
    if not headers:
        raise InputError("no DICOM PET image in the folder", where=folder)
    return headers


def as_text(audit: Audit) -> str:
    """The audit for a reader."""
    lines = [
        f"{audit.kind.ucum} per rescaled value ({audit.units}): {_factor(audit)}",
        f"rule: {audit.rule}",
        *_facts(audit),
    ]
    if audit.reference is not None:
        lines.append(f"reference time: {audit.reference.isoformat(sep=' ')}")
    if audit.injection is not None:
        lines.append(f"injection: {audit.injection.isoformat(sep=' ')}")
    if audit.uptake_min is not None:
        lines.append(f"uptake: {audit.uptake_min:.1f} min")
    lines += [
        f"candidate {one.name}: {one.time.isoformat(sep=' ')} ({one.effect_percent:+.2f} % SUV)"
        for one in audit.candidates
    ]
    for note in audit.adaptations:
        effect = "" if note.effect_percent is None else f", {note.effect_percent:+.2f} % SUV"
        lines.append(f"adapted {note.tag}: {note.found} -> {note.used} ({note.rule}{effect})")
    for check in audit.checks:
        verdict = "agrees" if check.passed else "disagrees"
        lines.append(f"check {check.name}: {verdict} ({check.deviation_percent:+.2f} %)")
    lines += [f"warning: {warning}" for warning in audit.warnings]
    return "\n".join(lines)


def _facts(audit: Audit) -> list[str]:
    """Dose, half-life and body on a line, as far as they are known."""
    known = (
        ("dose", None if audit.dose_bq is None else audit.dose_bq / 1e6, "MBq"),
        ("half-life", audit.half_life_s, "s"),
        ("weight", audit.weight_kg, "kg"),
        ("height", audit.height_m, "m"),
    )
    parts = [f"{name} {value:g} {unit}" for name, value, unit in known if value is not None]
    parts += [f"sex {audit.sex}"] if audit.sex is not None else []
    return [", ".join(parts)] if parts else []


def _factor(audit: Audit) -> str:
    if audit.factor is not None:
        return f"{audit.factor:.10g}"
    return f"{min(audit.factors):.10g} to {max(audit.factors):.10g}, by slice"
