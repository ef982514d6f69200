"""What was found as rows of tables; empty cells are what is not known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from recist.abscopal import AbscopalFinding, chance_for
from recist.abscopal.definition_results import DefinitionResult
from recist.abscopal.definitions import Definition
from recist.abscopal.response_by_side import SetResponse
from recist.cohort.lesion_rates import LesionContrast, LesionRate
from recist.cohort.patients import Patient
from recist.cohort.proportion import Proportion, Range
from recist.cohort.rates import ArmContrast, Rate
from recist.cohort.sensitivity import SensitivityChange
from recist.cohort.sheet import SheetRow
from recist.course import Course
from recist.response import Reason
from recist.table.results import when, yes_no

#: Rates in percent with one decimal, as the papers print them; P values with three digits.
RATE_DECIMALS = 1
P_DIGITS = 3

_PROPORTION = (
    "responders",
    "n",
    "rate_percent",
    "clopper_pearson_low",
    "clopper_pearson_high",
    "wilson_low",
    "wilson_high",
)
RATE_COLUMNS = (
    "definition",
    "arm",
    "confirmed_only",
    "denominator",
    "denominator_of_paper",
    *_PROPORTION,
    "not_assessed",
    "by_chance_percent",
    "numerator",
    "time_rule",
    "interval_of_paper",
    "paper",
    "published",
    "reader",
)
CONTRAST_COLUMNS = (
    "definition",
    "arms",
    "confirmed_only",
    "denominator",
    "first",
    "second",
    "difference_percent",
    "newcombe_low",
    "newcombe_high",
    "odds_ratio",
    "fisher_p",
    "chi_squared",
    "chi_squared_p",
    "reader",
)
LESION_COLUMNS = (
    "field",
    "arm",
    "confirmed_only",
    "patients",
    *_PROPORTION,
    "cluster_bootstrap_low",
    "cluster_bootstrap_high",
    "reader",
)
SENSITIVITY_COLUMNS = (
    "choice",
    "definition",
    "evaluable",
    "evaluable_then",
    "responders",
    "responders_then",
    "changed",
    "gained",
    "lost",
    "flipped_evaluable",
    "reader",
)


def patient_rows(patients: Sequence[Patient], time: str) -> list[SheetRow]:
    """One row per patient and definition."""
    rows = []
    for patient in patients:
        found, course = patient.finding, patient.course
        if found is None or course is None:
            rows.append(_not_measured(patient, time))
            continue
        rows += [_patient_row(patient, found, course, call, time) for call in found.calls]
    return rows


def _not_measured(patient: Patient, time: str) -> SheetRow:
    row = dict.fromkeys(patient_columns(time), "")
    return row | {
        "subject": patient.subject,
        "arm": patient.arm,
        "reader": patient.reader,
        "evaluable": "no",
        "evaluability": patient.why_not,
        "response": "NE",
        "reason": f"Not evaluable: {patient.why_not}.",
    }


def patient_columns(time: str) -> tuple[str, ...]:
    """Columns of ``abscopal.csv``; ``time`` is date or day."""
    return (
        "subject",
        "arm",
        "definition",
        "lesion_set",
        "evaluable",
        "evaluability",
        "response",
        "confirmed",
        f"response_{time}",
        "days_from_radiotherapy_end",
        "days_from_systemic_start",
        "out_of_field_best",
        "out_of_field_confirmed_best",
        "out_of_field_irecist_best",
        "in_field_best",
        "whole_body_best",
        "first_failure",
        f"first_failure_{time}",
        f"out_of_field_progression_{time}",
        "attribution",
        "chance_percent",
        "chance_confirmed_percent",
        "reader",
        "reason",
        "remarks",
    )


def _patient_row(
    patient: Patient, found: AbscopalFinding, course: Course, call: DefinitionResult, time: str
) -> SheetRow:
    out = found.out_of_field
    cells = (
        patient.subject,
        patient.arm,
        call.definition.name,
        found.lesion_set,
        yes_no(found.evaluable),
        str(found.evaluability.verdict),
        "NE" if call.met is None else yes_no(call.met),
        "" if call.confirmed is None else yes_no(call.confirmed),
        when(course, call.day),
        _whole(call.days_from_radiotherapy),
        _whole(call.days_from_systemic),
        _best(out),
        "" if out is None else str(out.confirmed.response),
        "" if out is None else str(out.immune.best_overall),
        _best(found.in_field),
        _best(found.whole),
        str(found.failure.pattern),
        when(course, found.failure.day),
        "" if out is None else when(course, out.progression_day),
        str(found.attribution.grade),
        _percent(_chance(found, call.definition, confirmed=False), 2),
        _percent(_chance(found, call.definition, confirmed=True), 2),
        patient.reader,
        _sentences([call.reason, found.failure.reason, found.attribution.reason]),
        "; ".join(found.remarks),
    )
    return dict(zip(patient_columns(time), cells, strict=True))


def _chance(found: AbscopalFinding, definition: Definition, *, confirmed: bool) -> float | None:
    if not found.evaluable:
        return None
    return chance_for(definition, found.chance, confirmed=confirmed)


def rate_rows(rates: Iterable[Rate]) -> list[SheetRow]:
    """Patients that responded, with the words of the definition beside the figures."""
    return [
        {
            "definition": rate.definition.name,
            "arm": rate.arm,
            "confirmed_only": yes_no(rate.confirmed),
            "denominator": str(rate.denominator),
            "denominator_of_paper": yes_no(rate.of_paper),
            **_proportion(rate.proportion),
            "not_assessed": str(rate.not_assessed),
            "by_chance_percent": _percent(rate.by_chance, 2),
            "numerator": rate.definition.numerator,
            "time_rule": rate.definition.time_rule,
            "interval_of_paper": str(rate.definition.interval),
            "paper": rate.definition.paper,
            "published": "; ".join(rate.definition.published),
            "reader": rate.reader,
        }
        for rate in rates
    ]


def contrast_rows(contrasts: Iterable[ArmContrast]) -> list[SheetRow]:
    """One arm less the other."""
    return [
        {
            "definition": each.definition.name,
            "arms": " - ".join(each.arms),
            "confirmed_only": yes_no(each.confirmed),
            "denominator": str(each.denominator),
            "first": f"{each.contrast.first.x}/{each.contrast.first.n}",
            "second": f"{each.contrast.second.x}/{each.contrast.second.n}",
            "difference_percent": _percent(each.contrast.difference),
            **_range("newcombe", each.contrast.newcombe),
            "odds_ratio": _figure(each.contrast.odds_ratio),
            "fisher_p": _figure(each.contrast.fisher_p),
            "chi_squared": _figure(each.contrast.chi_squared),
            "chi_squared_p": _figure(each.contrast.chi_squared_p),
            "reader": each.reader,
        }
        for each in contrasts
    ]


def lesion_rows(rates: Iterable[LesionRate], contrasts: Iterable[LesionContrast]) -> list[SheetRow]:
    """Lesions by field class, then one class less another."""
    rows = [
        {
            "field": str(each.field),
            "arm": each.arm,
            "confirmed_only": yes_no(each.confirmed),
            "patients": str(each.patients),
            **_proportion(each.proportion),
            **_range("cluster_bootstrap", each.bootstrap),
            "reader": each.reader,
        }
        for each in rates
    ]
    for each in contrasts:
        row = dict.fromkeys(LESION_COLUMNS, "")
        rows.append(
            row
            | {
                "field": " - ".join(map(str, each.fields)),
                "arm": each.arm,
                "confirmed_only": yes_no(each.confirmed),
                "rate_percent": _percent(each.difference),
                **_range("cluster_bootstrap", each.bootstrap),
                "reader": each.reader,
            }
        )
    return rows


def sensitivity_rows(changes: Iterable[SensitivityChange]) -> list[SheetRow]:
    """How many patients change, and who."""
    return [
        {
            "choice": each.choice,
            "definition": each.definition.name,
            "evaluable": str(each.evaluable[0]),
            "evaluable_then": str(each.evaluable[1]),
            "responders": str(each.responders[0]),
            "responders_then": str(each.responders[1]),
            "changed": str(each.changed),
            "gained": " ".join(each.gained),
            "lost": " ".join(each.lost),
            "flipped_evaluable": " ".join(each.flipped_evaluable),
            "reader": each.reader,
        }
        for each in changes
    ]


def _proportion(proportion: Proportion) -> SheetRow:
    return {
        "responders": str(proportion.x),
        "n": str(proportion.n),
        "rate_percent": _percent(proportion.rate),
        **_range("clopper_pearson", proportion.clopper_pearson),
        **_range("wilson", proportion.wilson),
    }


def _range(name: str, found: Range | None) -> SheetRow:
    low, high = (None, None) if found is None else found
    return {f"{name}_low": _percent(low), f"{name}_high": _percent(high)}


def _percent(share: float | None, decimals: int = RATE_DECIMALS) -> str:
    return "" if share is None else f"{100 * share:.{decimals}f}"


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return "infinite" if math.isinf(value) else f"{value:.{P_DIGITS}g}"


def _whole(value: int | None) -> str:
    return "" if value is None else str(value)


def _best(found: SetResponse | None) -> str:
    return "" if found is None else str(found.best.response)


def _sentences(reasons: Sequence[Reason]) -> str:
    return " ".join(reason.sentence for reason in reasons)
