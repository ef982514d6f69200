"""The field table: one row per lesion with its class, its grounds and its doses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from imaging.tables.rows import csv_text
from imaging.writing import write_text
from recist.course import Field
from recist.field.field_finding import FieldFinding

#: Doses to 0.01 Gy and shares to 0.001: finer digits are noise of the sampling.
DOSE_DECIMALS = 2
SHARE_DECIMALS = 3
#: Order of the envelope's columns.
ENVELOPE = ("mean_gy", "min_gy", "max_gy")


def write_fields(path: Path, subject: str, findings: Sequence[FieldFinding]) -> Path:
    """Write ``field.csv``; empty cells are values that are not known."""
    ratios = sorted({ratio for finding in findings for ratio, _ in finding.eqd2_mean_gy})
    rows = [dict(_cells(subject, finding, ratios)) for finding in findings]
    write_text(path, csv_text(rows))
    return path


def _cells(
    subject: str, finding: FieldFinding, ratios: Sequence[float]
) -> Iterator[tuple[str, str]]:
    yield "subject", subject
    yield "lesion", finding.lesion_id
    yield "field", str(finding.field)
    yield "band_gy", finding.band
    yield "evidence", finding.evidence
    yield "provisional", "yes" if finding.provisional else "no"
    yield "reason", finding.reason
    yield "target_volume", finding.target
    yield "prescription", finding.prescription
    yield "mean_gy", _number(finding.dose_mean_gy, DOSE_DECIMALS)
    yield "min_gy", _number(finding.dose_min_gy, DOSE_DECIMALS)
    yield "max_gy", _number(finding.dose_max_gy, DOSE_DECIMALS)
    yield "near_max_gy", _number(finding.dose_near_max_gy, DOSE_DECIMALS)
    yield "d95_gy", _number(finding.dose_d95_gy, DOSE_DECIMALS)
    yield "upper_bound_gy", _number(finding.upper_bound_gy, DOSE_DECIMALS)
    yield "share_at_50_percent", _number(finding.volume_at_half, SHARE_DECIMALS)
    yield "share_at_95_percent", _number(finding.volume_at_95, SHARE_DECIMALS)
    known = {name: (low, high) for name, low, high in finding.envelope}
    for name in ENVELOPE:
        low, high = known.get(name, (None, None))
        yield f"{name}_p5", _number(low, DOSE_DECIMALS)
        yield f"{name}_p95", _number(high, DOSE_DECIMALS)
    equivalent = dict(finding.eqd2_mean_gy)
    for ratio in ratios:
        yield f"mean_eqd2_gy_ab{ratio:g}", _number(equivalent.get(ratio), DOSE_DECIMALS)
    probability = dict(finding.probability)
    for member in Field:
        share = probability.get(str(member), 0.0) if probability else None
        yield f"probability_{str(member).replace('-', '_')}", _number(share, SHARE_DECIMALS)
    yield "profile", finding.profile
    yield "flags", "; ".join(finding.flags)


def _number(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}"
