"""Every choice that the papers leave open, as a named setting with its options.

A :class:`Protocol` is what a trial writes into its protocol before it starts. Each setting says
which open point it answers (``AMB-nn``), what its options mean and where they come from. Presets
are starting points and a TOML file overrides single settings: see :mod:`recist.protocol.files`.
:func:`effective` gives the settings that were in force, for the output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from imaging.setting import ProtocolError, Setting, setting, settings_of
from imaging.spelling import did_you_mean
from pet.response.protocol import PetProtocol
from recist.papers import FAQ, FDA, IRECIST, MENON, RECIST11
from recist.protocol.field import DEFAULT_PROFILE, FieldProfile

ADMIRALONCO = "admiralonco"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """The settings in force; the defaults are those of the preset ``recist11-eortc``."""

    name: str = "recist11-eortc"
    #: The thresholds of the field classes, and what the papers on PET leave open.
    field: FieldProfile = DEFAULT_PROFILE
    pet: PetProtocol = PetProtocol()  # noqa: RUF009 - immutable

    # --- target and non-target lesions at a time point ---------------------------------------
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

    # --- baseline ----------------------------------------------------------------------------
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

    # --- iRECIST -----------------------------------------------------------------------------
    icpd_reference: Literal["sum_at_first_iUPD_of_block", "previous_scan", "nadir"] = setting(
        "sum_at_first_iUPD_of_block",
        "AMB-21",
        "The sum that must be exceeded by 5 mm to confirm progression.",
        FAQ("how do new lesions define progression (increases add up)"),
    )
    icpd_both_categories: Literal["at_least_5_mm", "more_than_5_mm"] = setting(
        "at_least_5_mm",
        "AMB-22",
        "The threshold where targets and non-targets were both iUPD: Table 2 prints > in that row "
        "and >= in all others.",
        IRECIST("Table 2"),
    )
    early_scan: Literal["disregard", "use"] = setting(
        "disregard",
        "AMB-23",
        "A scan too early after iUPD is left out, unless it was made for a new symptom and shows "
        "a further new lesion.",
        FAQ("imaging less than four weeks after iUPD"),
    )
    confirm_min_days: int = setting(28, "AMB-23", "Earliest confirmation after iUPD.", IRECIST())
    window_tolerance_days: int = setting(
        2, "AMB-23", "Variance at both ends of the window.", FAQ("less than four weeks")
    )
    confirm_max_days: int = setting(
        56, "AMB-24", "Latest confirmation after the last iUPD without a deviation.", IRECIST()
    )
    late_scan: Literal["confirms", "does_not_confirm"] = setting(
        "confirms", "AMB-24", "A later scan confirms with a flag, or does not.", IRECIST()
    )
    persisting_new_lesion: Literal["iupd", "response"] = setting(
        "iupd",
        "AMB-25",
        "A new lesion is there, unchanged, and targets keep their category: still iUPD, or what "
        "the targets say.",
        FAQ("assigning response after new lesions, scenario F"),
    )
    smaller_new_lesion: Literal["iupd", "response"] = setting(
        "iupd",
        "AMB-26",
        "As persisting_new_lesion, for new lesions that became smaller.",
        FAQ("how do new lesions define progression"),
    )
    cr_with_new_lesion: Literal["ipr_after_reset", "ipr", "iupd"] = setting(
        "ipr_after_reset",
        "AMB-27",
        "All targets gone and a new lesion still there: iPR once the bar is reset (by shrinkage "
        "to CR after the iUPD too) and iUPD otherwise; always iPR; always iUPD.",
        FAQ("assigning response after new lesions, scenarios B and F"),
    )
    new_lesion_after_reset: Literal["recist", "plus_5_mm"] = setting(
        "recist",
        "AMB-28",
        "Growth of the new-lesion targets that is a new iUPD after a reset: 20 % and 5 mm from "
        "their nadir, or 5 mm.",
        FAQ("how do new lesions define progression"),
    )
    after_icpd: Literal["keep", "stop", "evaluate"] = setting(
        "keep",
        "AMB-29",
        "Time points after iCPD, which no end point uses: still measured and iCPD, NA, or judged "
        "again.",
        IRECIST(),
    )
    non_target_reference: Literal["last_assessment", "nadir"] = setting(
        "last_assessment",
        "",
        "What a non-target's status compares with after iUPD. last_assessment: present is no "
        "change, increased or progression a further increase. nadir: progression is no change, "
        "increased a further increase, present no longer progression.",
        FAQ("iUPD driven by non-target disease (codes NC, NCLA, INCLA, UNE)"),
    )
    unconfirmed_iupd: Literal["event", "censor"] = setting(
        "event", "AMB-30", "iPFS when nothing confirms or resolves an iUPD.", IRECIST()
    )

    # --- best response and times to an event -------------------------------------------------
    confirmation_required: bool = setting(
        True, "", "The trial's best response needs confirmation.", RECIST11("4.6.1")
    )
    confirmation_days: int = setting(
        28, "", "From a response to its confirmation.", RECIST11("4.6.1")
    )
    cut_at_first_progression: bool = setting(
        True, "", "Nothing after the first progression enters the best response.", RECIST11()
    )
    cr_then_disease: Literal["pd", "pr", "keep"] = setting(
        "pd",
        "AMB-06",
        "Disease after CR: PD at that point, the CR is read again as PR, or left with a warning.",
        f"{RECIST11('Table 3 note a')}; keep: {ADMIRALONCO}",
    )
    one_sd_between: bool = setting(
        False,
        "AMB-07",
        "One SD between a PR and its confirmation is accepted.",
        f"{RECIST11()}; {FAQ()}",
    )
    ne_between: int = setting(
        1, "AMB-08", "NE visits accepted between a response and its confirmation.", ADMIRALONCO
    )
    minimum_sd_days: int = setting(
        42, "AMB-09", "Minimum duration of SD, date minus date.", RECIST11("4.4.3")
    )
    sd_window_days: int = setting(
        0, "AMB-09", "Visit window taken off that minimum.", "trial protocols"
    )
    origin: Literal["randomisation", "treatment_start", "baseline"] = setting(
        "randomisation",
        "AMB-09",
        "Where durations start: randomisation, else the start of treatment (systemic or "
        "radiotherapy, the earlier), else the baseline scan; treatment_start: the start of "
        "treatment, else randomisation, else the baseline scan; baseline: the baseline scan.",
        RECIST11("4.7"),
    )
    early_pr_then_sd: Literal["ne", "sd"] = setting(
        "ne",
        "AMB-10",
        "PR then SD, both before the minimum duration, confirmation required: NE, or SD as the "
        "row is printed.",
        f"{RECIST11('Table 3')}; ne: {ADMIRALONCO}",
    )
    nothing_assessed: Literal["ne", "missing", "nd"] = setting(
        "ne", "AMB-11", "Best response without any assessment.", f"{RECIST11()}; {ADMIRALONCO}"
    )
    ned_then_pd: Literal["pd", "ned"] = setting(
        "ned", "AMB-38", "Best response of NED followed by PD.", "CDISC supplement"
    )
    pfs_policy: Literal["fda_a", "fda_b", "fda_c", "ema_itt"] = setting(
        "ema_itt", "AMB-31", "The policy of the main PFS; all are reported.", f"{FDA()}; EMA"
    )
    visit_interval_days: int = setting(
        0, "AMB-31", "Between scheduled visits, to count missed ones; 0: not known.", FDA()
    )
    visit_window_days: int = setting(
        7, "AMB-31", "By which a visit may miss its schedule.", "trial protocols"
    )
    clinical_benefit_days: int = setting(
        168,
        "",
        "Disease without progression that counts as clinical benefit (24 weeks).",
        "convention of trials",
    )
    benefit_words: Literal["all", "targets_only"] = setting(
        "all",
        "",
        "Whether NON-CR/NON-PD, the SD of patients without targets, counts as disease control and "
        "clinical benefit.",
        f"{RECIST11('Table 2')}; targets_only: {ADMIRALONCO}, clinben_vals",
    )
    new_therapy_ends_response: bool = setting(
        True, "", "Nothing after a new anticancer therapy enters the best response.", FDA()
    )
    visit_date: Literal["fda", "first", "last"] = setting(
        "fda",
        "AMB-32",
        "The date of a visit scanned on several days: earliest for a new lesion and last for the "
        "sum, first, last.",
        FDA("Appendix 3"),
    )

    # --- inside and outside the field, readers -----------------------------------------------
    abscopal_definition: Literal[
        "all", "golden", "luke", "pembro_rt", "theelen", "mcbride", "welsh", "formenti"
    ] = setting("all", "AMB-33", "Definitions reported, each by name.", "see recist.abscopal")
    abscopal_denominator: Literal["both", "evaluable", "enrolled"] = setting(
        "both", "AMB-34", "Patients that a rate is out of.", "see recist.abscopal"
    )
    abscopal_baseline_days: int = setting(
        42,
        "AMB-34",
        "The scan that abscopal changes start from is at most this long before radiotherapy.",
        "convention of trial protocols",
    )
    abscopal_follow_up_days: int = setting(
        365,
        "AMB-34",
        "Abscopal responses are looked for until so long after the start of radiotherapy.",
        "design decision; reviews give onsets of 1 to 12 months",
    )
    abscopal_landmark_days: int = setting(
        84, "AMB-33", "The fixed time of definitions at 12 weeks.", "Theelen 2019"
    )
    abscopal_landmark_window_days: int = setting(
        14, "AMB-33", "By which a scan may miss that fixed time.", "trial protocols"
    )
    abscopal_minimum_mm: Decimal = setting(
        Decimal(10),
        "AMB-33",
        "The least size at which a single lesion can show an abscopal response; 0: any.",
        RECIST11("3.1.1"),
    )
    abscopal_minimum_node_mm: Decimal = setting(
        Decimal(15),
        "AMB-33",
        "The same for the short axis of a node.",
        RECIST11("3.1.1"),
    )
    abscopal_systemic_days: int = setting(
        56,
        "AMB-33",
        "Systemic therapy that starts this near to radiotherapy explains a response as well as "
        "radiotherapy does; one that is this long under way is stable.",
        "design decision (8 weeks)",
    )
    unreviewed_measurement: Literal["measured", "measured_if_sure", "not_evaluable"] = setting(
        "measured",
        "",
        "A target measured without a reader, by a proposal or a network: its diameter counts; "
        "counts unless its confidence is below one half; or counts only once a reader confirmed "
        "it.",
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
        "A known lesion that the network alone did not find: missed or gone is for a reader to "
        "say, so not evaluable; or taken as gone.",
        "design decision",
    )
    unreviewed_new_lesion: Literal["equivocal", "unequivocal"] = setting(
        "equivocal",
        "",
        "A new lesion that the network alone found: equivocal until a reader confirms it, or "
        "counted at once.",
        "design decision",
    )
    out_of_field_set: Literal["strict", "pragmatic"] = setting(
        "strict",
        "AMB-35",
        "Lesions of the out-of-field set: only those outside, or those in the low-dose bath too.",
        f"{MENON()} (no dose: below 1 Gy); design decision",
    )
    new_lesion_position: Literal["split", "anywhere"] = setting(
        "split", "AMB-36", "New lesions by field as well, or only as such.", "see recist.abscopal"
    )

    # --- tables --------------------------------------------------------------------------------
    date_order: Literal["iso", "day_first", "month_first"] = setting(
        "iso",
        "",
        "How dates are written in tables: YYYY-MM-DD only, or DD/MM/YYYY or MM/DD/YYYY as well "
        "(a point or a dash may part them too).",
        "03/04/2024 is two dates",
    )

    def __post_init__(self) -> None:
        for each in SETTINGS.values():
            each.check(getattr(self, each.name))
        if self.confirm_max_days < self.confirm_min_days:
            raise ProtocolError(
                f"confirm_max_days = {self.confirm_max_days} is before "
                f"confirm_min_days = {self.confirm_min_days}"
            )


#: All settings by name, in the order in which they are documented.
SETTINGS: Mapping[str, Setting] = settings_of(Protocol)

DEFAULT = Protocol()


def from_table(
    table: Mapping[str, object], *, name: str = "custom", start: Protocol = DEFAULT
) -> Protocol:
    """A protocol from the names and values of settings, as one that starts from another.

    Raises:
        ProtocolError: an unknown key or value, with the nearest name.
    """
    values = dict(table)
    unknown = sorted(set(values) - set(SETTINGS))
    if unknown:
        raise ProtocolError(
            f"unknown setting {unknown[0]!r}",
            remedy=did_you_mean(unknown[0], SETTINGS).strip() or f"settings: {', '.join(SETTINGS)}",
        )
    for key, value in values.items():
        if SETTINGS[key].kind is Decimal and type(value) is int:
            values[key] = Decimal(value)
    changes: dict[str, Any] = {"name": name, **values}
    return replace(start, **changes)


def effective(protocol: Protocol) -> dict[str, object]:
    """The settings in force, by name, as plain values for JSON; of PET, what a trial changed."""
    named: dict[str, object] = {"name": protocol.name}
    for name in SETTINGS:
        value = getattr(protocol, name)
        named[name] = str(value) if isinstance(value, Decimal) else value
    named["field"] = asdict(protocol.field)
    named["pet"] = _changed_from_default(protocol.pet)
    return named


def _changed_from_default(pet: PetProtocol) -> dict[str, object]:
    own, default = asdict(pet), asdict(PetProtocol())
    return {name: value for name, value in own.items() if value != default[name]}


def points(protocol: Protocol) -> dict[str, dict[str, object]]:
    """The settings in force by open point: ``{"AMB-12": {"missing_target": "ne"}, ...}``."""
    found: dict[str, dict[str, object]] = {}
    for name, value in effective(protocol).items():
        if name in SETTINGS and SETTINGS[name].point:
            found.setdefault(SETTINGS[name].point, {})[name] = value
    return dict(sorted(found.items()))
