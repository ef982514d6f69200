"""The columns of the tables that people fill in."""

from __future__ import annotations

from imaging.tables.columns import DATE, DAY, Columns, Layout, match_header, nearest

__all__ = ["DATE", "DAY", "EVENTS", "MEASUREMENTS", "Columns", "Layout", "match_header", "nearest"]

#: The measurement table; the date is one of two columns.
MEASUREMENTS = Columns(
    ("subject", "lesion", "role", "organ", "nodal", "status", "diameter_mm"),
    (
        "merged_into",
        "field",
        "reader",
        "drawn_by",
        "sum_mm",
        "slice_thickness_mm",
        "tracking_uid",
        "volume_ml",
        "suv_max",
        "suv_mean",
        "suv_peak",
        "visit",
        "part",
        "review",
        "confidence",
        "doubts",
        "diameter_low_mm",
        "diameter_high_mm",
    ),
)

EVENTS = Columns(("subject", "event"))
