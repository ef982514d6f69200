"""The published definitions of an abscopal response, as data that can be read beside the papers.

There is no agreed definition, and the choice may double the rate: Luke 2018 is cited with 26.9 %
by the best single lesion and 13.5 % by the sum, of the same patients. So all are reported, each by
its name, with what it counts, what it is out of, when, and by which interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recist.protocol import Protocol
from recist.response import Response


class Measure(StrEnum):
    """What has to respond."""

    SINGLE = "single"  # the best single lesion, by its own diameter
    AGGREGATE = "aggregate"  # the sum of diameters, whatever else happens
    RECIST = "recist"  # RECIST 1.1 on the out-of-field lesions, new lesions among them


class ResponseTime(StrEnum):
    """When."""

    BEST = "best"
    LANDMARK = "landmark"  # at a fixed time, within a window


class Denominator(StrEnum):
    """Out of whom."""

    ENROLLED = "enrolled"
    SCANNED = "scanned"  # at least one scan after the start of radiotherapy
    EVALUABLE = "evaluable"  # and a measurable out-of-field lesion on a scan before it


class IntervalMethod(StrEnum):
    """The confidence interval that reproduces the published one."""

    CLOPPER_PEARSON = "Clopper-Pearson"
    WILSON = "Wilson"
    NOT_PUBLISHED = "not published"


RESPONDING = frozenset({Response.CR, Response.PR})
CONTROLLED = RESPONDING | {Response.SD}


@dataclass(frozen=True, slots=True)
class Definition:
    """One published definition.

    Attributes:
        name: short and unique, for tables.
        family: the option of ``Protocol.abscopal_definition`` that selects it.
        paper: who, when, where.
        numerator, time_rule: in words.
        counts: the out-of-field responses that count, where RECIST decides.
        published: rates of the paper, arms in the order of the paper; x and n where known.
    """

    name: str
    family: str
    paper: str
    numerator: str
    measure: Measure
    time: ResponseTime
    time_rule: str
    denominator: Denominator
    interval: IntervalMethod
    counts: frozenset[Response] = RESPONDING
    published: tuple[str, ...] = ()

    @property
    def asks_for_control(self) -> bool:
        """Stable disease is enough."""
        return Response.SD in self.counts


_SINGLE = "at least one non-irradiated measurable lesion 30 % or more smaller than at baseline"
_SUM = "the sum of diameters of all non-irradiated target lesions 30 % or more below baseline"
_CR_PR = "CR or PR by RECIST 1.1 on the out-of-field lesions alone"
_CONTROL = "CR, PR or SD by RECIST 1.1 on the out-of-field lesions alone"
_ANY_TIME = "any scan after the end of radiotherapy"
_BEST = "best response until out-of-field progression or a new therapy"
_AT_LANDMARK = "the scan nearest to 12 weeks after the start of radiotherapy"

GOLDEN = "Golden 2015, Lancet Oncol 16:795-803"
LUKE = "Luke 2018, J Clin Oncol 36:1611-1618"
PEMBRO_RT = "Theelen 2019 (PEMBRO-RT), JAMA Oncol 5:1276-1282"
POOLED = "Theelen 2021 (PEMBRO-RT and MDACC), Lancet Respir Med 9:467-475"
MCBRIDE = "McBride 2021, J Clin Oncol 39:30-37"
WELSH = "Welsh 2020, J Immunother Cancer 8:e001001"
FORMENTI = "Formenti 2018, Nat Med 24:1845-1851"

DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "golden",
        "golden",
        GOLDEN,
        _SINGLE,
        Measure.SINGLE,
        ResponseTime.BEST,
        _ANY_TIME,
        Denominator.ENROLLED,
        IntervalMethod.CLOPPER_PEARSON,
        published=("11/41, 26.8 % (14.2-42.9)",),
    ),
    Definition(
        "luke-any",
        "luke",
        LUKE,
        _SINGLE,
        Measure.SINGLE,
        ResponseTime.BEST,
        _ANY_TIME,
        Denominator.EVALUABLE,
        IntervalMethod.NOT_PUBLISHED,
        published=("26.9 %, as cited",),
    ),
    Definition(
        "luke-aggregate",
        "luke",
        LUKE,
        _SUM,
        Measure.AGGREGATE,
        ResponseTime.BEST,
        _ANY_TIME,
        Denominator.EVALUABLE,
        IntervalMethod.NOT_PUBLISHED,
        published=("13.5 %, as cited",),
    ),
    Definition(
        "pembro-rt",
        "pembro_rt",
        PEMBRO_RT,
        _CR_PR,
        Measure.RECIST,
        ResponseTime.LANDMARK,
        _AT_LANDMARK,
        Denominator.ENROLLED,
        IntervalMethod.NOT_PUBLISHED,
        published=("with radiotherapy 13/36, 36 %", "without 7/40, 18 %"),
    ),
    Definition(
        "theelen-arr",
        "theelen",
        POOLED,
        _CR_PR,
        Measure.RECIST,
        ResponseTime.BEST,
        _BEST,
        Denominator.ENROLLED,
        IntervalMethod.NOT_PUBLISHED,
        published=("with radiotherapy 30/72, 41.7 %", "without 15/76, 19.7 %"),
    ),
    Definition(
        "theelen-acr",
        "theelen",
        POOLED,
        _CONTROL,
        Measure.RECIST,
        ResponseTime.BEST,
        f"{_BEST}; SD for the minimum duration",
        Denominator.ENROLLED,
        IntervalMethod.NOT_PUBLISHED,
        CONTROLLED,
        ("with radiotherapy 47/72, 65.3 %", "without 33/76, 43.4 %"),
    ),
    Definition(
        "theelen-arr-12wk",
        "theelen",
        POOLED,
        _CR_PR,
        Measure.RECIST,
        ResponseTime.LANDMARK,
        _AT_LANDMARK,
        Denominator.ENROLLED,
        IntervalMethod.NOT_PUBLISHED,
    ),
    Definition(
        "theelen-acr-12wk",
        "theelen",
        POOLED,
        _CONTROL,
        Measure.RECIST,
        ResponseTime.LANDMARK,
        _AT_LANDMARK,
        Denominator.ENROLLED,
        IntervalMethod.NOT_PUBLISHED,
        CONTROLLED,
    ),
    Definition(
        "mcbride",
        "mcbride",
        MCBRIDE,
        _CR_PR,
        Measure.RECIST,
        ResponseTime.BEST,
        _BEST,
        Denominator.SCANNED,
        IntervalMethod.WILSON,
        published=("nivolumab 10/29, 34.5 % (19.9-52.7)", "and SBRT 9/31, 29.0 % (16.1-46.6)"),
    ),
    Definition(
        "welsh",
        "welsh",
        WELSH,
        _CR_PR,
        Measure.RECIST,
        ResponseTime.BEST,
        _BEST,
        Denominator.EVALUABLE,
        IntervalMethod.NOT_PUBLISHED,
    ),
    Definition(
        "formenti-response",
        "formenti",
        FORMENTI,
        _CR_PR,
        Measure.RECIST,
        ResponseTime.BEST,
        _BEST,
        Denominator.ENROLLED,
        IntervalMethod.NOT_PUBLISHED,
        published=("7/39, 18 %",),
    ),
    Definition(
        "formenti-control",
        "formenti",
        FORMENTI,
        _CONTROL,
        Measure.RECIST,
        ResponseTime.BEST,
        f"{_BEST}; SD for the minimum duration",
        Denominator.ENROLLED,
        IntervalMethod.NOT_PUBLISHED,
        CONTROLLED,
        ("12/39, 31 %",),
    ),
)


def chosen(protocol: Protocol) -> tuple[Definition, ...]:
    """The definitions that a protocol asks for."""
    wanted = protocol.abscopal_definition
    return tuple(each for each in DEFINITIONS if wanted in ("all", each.family))
