"""What a trial chooses about readers: two who differ, none at all, and how they write dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imaging.setting import setting


@dataclass(frozen=True, kw_only=True)
class ReaderSettings:
    """Choices about who said what, and how it is written."""

    # --- readers -------------------------------------------------------------------------------
    unreviewed_measurement: Literal["measured", "measured_if_sure", "not_evaluable"] = setting(
        "measured",
        "",
        "A target measured without a reader, by a proposal or a network: its diameter counts; "
        "counts unless its confidence is below one half; or counts only once a reader confirmed "
        "it. The same holds for a lesion that was looked for at its place and proposed as gone "
        "(0 mm).",
        "design decision",
    )
    reader_disagreement: Literal["adjudicator", "consensus", "first_reader"] = setting(
        "adjudicator",
        "AMB-39",
        "Two readers of a central review differ in what the trial adjudicates: an adjudicator "
        "chooses one read, both read again until they agree, or the first reader's counts.",
        "paradigm of two readers and one adjudicator in central reviews",
    )
    unreviewed_absence: Literal["not_evaluable", "absent"] = setting(
        "not_evaluable",
        "",
        "A known lesion that was not looked for at its place, and that the network alone did not "
        "find: missed or gone is for a reader to say, so not evaluable; or taken as gone.",
        "design decision",
    )
    unreviewed_new_lesion: Literal["equivocal", "unequivocal"] = setting(
        "equivocal",
        "",
        "A new lesion that the network alone found: equivocal until a reader confirms it at one "
        "date, new from then on; or counted at once.",
        "design decision",
    )

    # --- tables --------------------------------------------------------------------------------
    date_order: Literal["iso", "day_first", "month_first"] = setting(
        "iso",
        "",
        "How dates are written in tables: YYYY-MM-DD only, or DD/MM/YYYY or MM/DD/YYYY as well "
        "(a point or a dash may part them too).",
        "03/04/2024 is two dates",
    )
