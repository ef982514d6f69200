"""What a trial chooses about target and non-target lesions, at the baseline and after it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from imaging.setting import setting
from recist.papers import ADMIRALONCO, FAQ, RECIST11


@dataclass(frozen=True, kw_only=True)
class TimePointSettings:
    """Choices about one time point."""

    # --- target and non-target lesions at a time point -----------------------------------------
    sticky_pr: Literal["none", "after_confirmed", "any"] = setting(
        "after_confirmed",
        "AMB-01",
        "A sum that drifts above -30 % without progression is still PR: never, after a confirmed "
        "PR, after any PR.",
        f"{FAQ('managing PR')}; none: the scan alone; any: pyrecist",
    )
    pd_on_reappearance: Literal["overall_cr_only", "any_target_cr"] = setting(
        "overall_cr_only",
        "AMB-03",
        "A lesion that is back is progression after an overall CR only, or a target after any "
        "target CR.",
        f"{FAQ('does a new lesion always result in PD')}; any_target_cr: {ADMIRALONCO} ADTR",
    )
    node_cr_precedence: bool = setting(
        True,
        "AMB-04",
        "Nodes that are all below 10 mm stay CR though their sum grew by 20 % and 5 mm; false: PD.",
        RECIST11("4.3.2"),
    )
    node_regrowth: Literal["candidate", "hold", "pd"] = setting(
        "candidate",
        "AMB-05",
        "A node of 10 to 15 mm as the only sign of progression: PD that the next scan may "
        "withdraw, no PD until the next scan confirms it (then dated back), or PD at once.",
        FAQ("new lymph node lesions", "abnormal lymph node"),
    )
    missing_target: Literal["lower_bound", "ne"] = setting(
        "lower_bound",
        "AMB-12",
        "A target was not evaluable: NE unless the measured part alone proves PD, or always NE.",
        RECIST11("4.4.2"),
    )
    nadir_sums: Literal["complete", "any"] = setting(
        "complete", "AMB-13", "Sums that may be the nadir.", RECIST11("4.3.1")
    )
    too_small: Literal["nominal", "reader_value", "half_slice"] = setting(
        "nominal",
        "AMB-16",
        "The size of a target seen but too small to measure: too_small_mm, only what the reader "
        "recorded (else not evaluable), or half of slice_thickness_mm.",
        f"{RECIST11('4.3.2')}; {FAQ('lesions less than 5 mm')}",
    )
    too_small_mm: Decimal = setting(
        Decimal(5), "AMB-16", "The nominal size of such a target.", RECIST11("4.3.2")
    )
    slice_thickness_mm: Decimal = setting(
        Decimal(5), "AMB-16", "The slice thickness that half_slice halves.", RECIST11("4.3.2")
    )
    diameter_rounding: Literal["as_recorded", "tenth_mm", "whole_mm"] = setting(
        "as_recorded",
        "AMB-17",
        "Diameters before they are added: exactly as recorded, or rounded half up. Percentages "
        "are never rounded.",
        "design decision",
    )
    node_fragments: Literal["sum_all", "sum_pathological", "largest"] = setting(
        "sum_all",
        "AMB-37",
        "A node that fell into parts: all short axes, those of at least 10 mm, or the largest. "
        "A warning says that the paper covers only fragments of other lesions.",
        RECIST11("Appendix I"),
    )
    no_disease: Literal["ned", "ne", "exclude"] = setting(
        "ned", "AMB-38", "What a patient without disease at baseline is given.", "CDISC supplement"
    )

    # --- baseline ------------------------------------------------------------------------------
    double_thickness: Literal["soft_tissue", "soft_tissue_and_nodes"] = setting(
        "soft_tissue",
        "AMB-14",
        "Lesions that must measure twice a slice thickness above 5 mm; soft_tissue warns for "
        "nodes.",
        f"{RECIST11('3.1.1')}; {FAQ('double the slice thickness')}",
    )
    slice_tolerance_mm: Decimal = setting(
        Decimal("0.1"),
        "AMB-15",
        "A slice up to this much above 5 mm counts as 5 mm; 0 is the strict rule.",
        "rounding in DICOM headers",
    )
    slice_basis: Literal["thicker_of_both", "thickness"] = setting(
        "thicker_of_both",
        "AMB-15",
        "The larger of slice thickness and distance of slices, or the thickness alone.",
        RECIST11("3.1.1"),
    )
    target_choice: Literal["organ_then_size", "size"] = setting(
        "organ_then_size",
        "AMB-19",
        "One target per organ first and then by size, or by size alone.",
        RECIST11("4.2"),
    )
    irradiated_targets: Literal["separate_sum", "exclude", "allow"] = setting(
        "separate_sum",
        "AMB-20",
        "Lesions treated before the baseline are targets only if they progressed since, and those "
        "irradiated on study are targets with a sum of their own; exclude both; allow both.",
        f"{RECIST11('3.1.3')}; trial protocols",
    )

    baseline_days: int = setting(
        28,
        "",
        "The baseline is at most this long before the start of treatment; an older one is told.",
        RECIST11("3.2.1"),
    )
