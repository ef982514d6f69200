"""ADRS and ADTTE: the parameters of an analysis of response and of the times to events.

Every value is one of the outcomes; ``AVAL`` of a time is the day of the event minus the day of the
start, as in ``outcomes.csv``, so that a trial that counts the first day as 1 adds one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from recist.answers import AssessedCourse
from recist.course import Role
from recist.criteria.criterion import title_of
from recist.export.cdisc.evaluators import Evaluator
from recist.export.cdisc.responses import SETS
from recist.export.cdisc.subjects import Visits, iso, study_day, usubjid, visits_by_subject
from recist.export.cdisc.trial_dataset import Cell, Dataset, Variable, numbered
from recist.export.cdisc.variables import EXPECTED, REQUIRED
from recist.response import EventTime, Outcome, Response, Scope

_IDENTITY = (
    Variable("STUDYID", "Study Identifier", REQUIRED),
    Variable("USUBJID", "Unique Subject Identifier", REQUIRED),
    Variable("SUBJID", "Subject Identifier for the Study", REQUIRED),
    Variable("ASEQ", "Analysis Sequence Number", REQUIRED, number=True),
    Variable("PARAMCD", "Parameter Code", REQUIRED),
    Variable("PARAM", "Parameter", REQUIRED),
    Variable("PARCAT1", "Parameter Category 1", EXPECTED),
    Variable("PARCAT2", "Parameter Category 2", EXPECTED),
    Variable("PARCAT3", "Parameter Category 3", EXPECTED),
)
ADRS_VARIABLES = (
    *_IDENTITY,
    Variable("ADT", "Analysis Date", EXPECTED),
    Variable("ADY", "Analysis Relative Day", EXPECTED, number=True),
    Variable("AVISIT", "Analysis Visit", EXPECTED),
    Variable("AVISITN", "Analysis Visit (N)", EXPECTED, number=True),
    Variable("AVAL", "Analysis Value", EXPECTED, number=True),
    Variable("AVALC", "Analysis Value (C)", REQUIRED),
    Variable("ANL01FL", "Analysis Flag 01", EXPECTED),
)
ADTTE_VARIABLES = (
    *_IDENTITY,
    Variable("STARTDT", "Time-to-Event Origin Date for Subject", EXPECTED),
    Variable("ADT", "Analysis Date", EXPECTED),
    Variable("ADY", "Analysis Relative Day", EXPECTED, number=True),
    Variable("AVAL", "Analysis Value", REQUIRED, number=True),
    Variable("AVALU", "Analysis Value Unit", REQUIRED),
    Variable("CNSR", "Censor", REQUIRED, number=True),
    Variable("EVNTDESC", "Event or Censoring Description", REQUIRED),
    Variable("CNSDTDSC", "Censor Date Description", EXPECTED),
    Variable("SRCDOM", "Source Data", EXPECTED),
)

#: Order of the responses for ``AVAL``, best first.
ORDER = {
    word: number
    for number, words in enumerate(
        (
            (Response.CR, Response.ICR, Response.CMR, Response.NED),
            (Response.PR, Response.IPR, Response.PMR),
            (Response.SD, Response.ISD, Response.SMD),
            (Response.NON_CR_NON_PD, Response.NON_ICR_NON_IUPD),
            (Response.IUPD,),
            (Response.PD, Response.ICPD, Response.PMD),
            (Response.NE,),
        ),
        start=1,
    )
    for word in words
}
#: A letter or two of each set of lesions and of each policy, at the end of ``PARAMCD``.
SET_CODES = {Scope.ALL: "", Scope.IN_FIELD: "IN", Scope.OUT_OF_FIELD: "OU"}
POLICY_CODES = {"fda_a": "A", "fda_b": "B", "fda_c": "C", "ema_itt": "E"}
TIMES = {
    "PFS": "Progression-Free Survival",
    "iPFS": "Progression-Free Survival by immune criteria",
    "OS": "Overall Survival",
    "TTR": "Time to Response",
    "DoR": "Duration of Response",
    "iDoR": "Duration of Response by immune criteria",
    "DoSD": "Duration of Stable Disease",
    "iDoSD": "Duration of Stable Disease by immune criteria",
}
#: What the rule that stopped a clock says of the event or of the censoring.
ENDS = {
    "progression": "Disease progression",
    "unconfirmed": "Unconfirmed progression that counts",
    "claimed-progression": "Progression claimed without images",
    "death": "Death",
    "new-therapy": "Start of a new therapy",
    "first-response": "First response",
    "last-alive": "Last known alive",
    "no-event": "Last adequate assessment without progression",
    "missed-visits": "Last adequate assessment before missed visits",
    "new-therapy-censors": "Last adequate assessment before a new therapy",
    "no-baseline": "No baseline: start of the clock",
}
FROM_ALIVE, FROM_TUMOUR = "ADSL", "RS"


def response_parameters(
    answers: Sequence[AssessedCourse], evaluators: Mapping[str, Evaluator], *, study: str
) -> Dataset:
    """ADRS: responses at visits, best responses, response, benefit, progression, last assessment.

    ``PARCAT1`` holds the criteria, ``PARCAT2`` the evaluator, ``PARCAT3`` the set of lesions.
    """
    rows: list[dict[str, Cell]] = []
    visits = visits_by_subject(each.course for each in answers)
    for each in answers:
        start = _start(each, evaluators, study)
        rows += [start | row for row in _visits(each, visits[each.course.subject])]
        for outcome in each.outcomes:
            rows += [start | row for row in _concluded(each, outcome)]
    key = ("STUDYID", "USUBJID", "PARCAT1", "PARCAT2", "PARAMCD", "AVISITN")
    return Dataset("ADRS", "Disease Response Analysis", ADRS_VARIABLES, numbered(rows, "ASEQ"), key)


def times_to_events(
    answers: Sequence[AssessedCourse], evaluators: Mapping[str, Evaluator], *, study: str
) -> Dataset:
    """ADTTE: every time to an event, by the protocol's policy of censoring and by each other."""
    rows: list[dict[str, Cell]] = []
    for each in answers:
        start = _start(each, evaluators, study)
        for outcome in each.outcomes:
            for time in outcome.times:
                row = _time(each, outcome, time)
                if time.policy == each.protocol.pfs_policy:  # the one that the trial chose
                    code = parameter_code(time.endpoint, "", outcome.scope)
                    name = TIMES.get(time.endpoint, time.endpoint)
                    chosen = _parameter(code, name, outcome.criteria, outcome.scope)
                    rows.append(start | row | chosen)
                rows.append(start | row)
    key = ("STUDYID", "USUBJID", "PARCAT1", "PARCAT2", "PARAMCD")
    return Dataset("ADTTE", "Time-to-Event Analysis", ADTTE_VARIABLES, numbered(rows, "ASEQ"), key)


def parameter_code(endpoint: str, policy: str, scope: Scope) -> str:
    """``PARAMCD`` of a time: end point, set of lesions, policy; at most 8 letters."""
    return f"{endpoint.upper()}{SET_CODES[scope]}{POLICY_CODES.get(policy, '')}"


def _start(
    answer: AssessedCourse, evaluators: Mapping[str, Evaluator], study: str
) -> dict[str, Cell]:
    who = evaluators[answer.course.reader]
    return {
        "STUDYID": study,
        "USUBJID": usubjid(study, answer.course.subject),
        "SUBJID": answer.course.subject,
        "PARCAT2": who.identifier or who.role,
    }


def _parameter(code: str, name: str, criteria: str, scope: Scope) -> dict[str, Cell]:
    where = f", {SETS[scope].lower()}" if SETS[scope] else ""
    return {
        "PARAMCD": code,
        "PARAM": f"{name} by {title_of(criteria)}{where}",
        "PARCAT1": title_of(criteria),
        "PARCAT3": SETS[scope],
    }


def _visits(answer: AssessedCourse, visits: Visits) -> Iterator[dict[str, Cell]]:
    for each in answer.timepoints:
        yield (
            _parameter(f"OVR{SET_CODES[each.scope]}", "Overall Response", each.criteria, each.scope)
            | _on(answer, each.day)
            | {"AVISIT": visits.name[each.day], "AVISITN": visits.number[each.day]}
            | _response(each.overall)
        )


def _on(answer: AssessedCourse, day: int | None) -> dict[str, Cell]:
    if day is None:
        return {"ANL01FL": "Y"}
    return {"ADT": iso(answer.course, day), "ADY": study_day(day), "ANL01FL": "Y"}


def _response(word: Response) -> dict[str, Cell]:
    return {"AVALC": str(word), "AVAL": ORDER.get(word)}


def _flag(day: int | None) -> dict[str, Cell]:
    return {"AVALC": "N" if day is None else "Y", "AVAL": int(day is not None)}


def _concluded(answer: AssessedCourse, outcome: Outcome) -> Iterator[dict[str, Cell]]:
    course = answer.course

    def row(code: str, name: str, day: int | None, value: dict[str, Cell]) -> dict[str, Cell]:
        code += SET_CODES[outcome.scope]
        found = _parameter(code, name, outcome.criteria, outcome.scope)
        return found | _on(answer, day) | value

    best = outcome.best_overall
    yield row("BOR", "Best Overall Response", outcome.best_overall_day, _response(best))
    confirmed = outcome.confirmed_best_overall
    day = outcome.best_overall_day if confirmed == best else None
    yield row("CBOR", "Best Overall Response, confirmed", day, _response(confirmed))
    named = "confirmed" if answer.protocol.confirmation_required else "confirmed or not"
    yield row("RSP", f"Response, {named}", outcome.response_day, _flag(outcome.response_day))
    yield row("DC", "Disease Control", outcome.control_day, _flag(outcome.control_day))
    yield row("CB", "Clinical Benefit", outcome.benefit_day, _flag(outcome.benefit_day))
    yield row("PD", "Disease Progression", outcome.progression_day, _flag(outcome.progression_day))
    key = (outcome.criteria, outcome.scope)
    own = [each for each in answer.timepoints if (each.criteria, each.scope) == key]
    if own:
        last = own[-1]
        yield row("LSTA", "Last Disease Assessment", last.day, _response(last.overall))
    if outcome.scope is Scope.ALL:
        first = course.timepoints[0].day if course.timepoints else None
        has = any(lesion.role is Role.TARGET for lesion in course.lesions)
        yield row("MDIS", "Measurable Disease at Baseline", first, _flag(0 if has else None))


def _time(answer: AssessedCourse, outcome: Outcome, time: EventTime) -> dict[str, Cell]:
    course = answer.course
    name = TIMES.get(time.endpoint, time.endpoint)
    policy = f" ({time.policy.replace('_', ' ').upper()})" if time.policy else ""
    rule = time.reason.written().rule
    said = ENDS.get(rule, rule.replace("-", " "))
    code = parameter_code(time.endpoint, time.policy, outcome.scope)
    return _parameter(code, f"{name}{policy}", outcome.criteria, outcome.scope) | {
        "STARTDT": iso(course, time.start_day),
        "ADT": iso(course, time.day),
        "ADY": study_day(time.day),
        "AVAL": time.days,
        "AVALU": "DAYS",
        "CNSR": int(not time.event),
        "EVNTDESC": said,
        "CNSDTDSC": "" if time.event else said,
        "SRCDOM": FROM_ALIVE if rule in ("death", "last-alive", "new-therapy") else FROM_TUMOUR,
    }
