"""What a lesion contributes to a sum, exactly.

Diameters are decimals as recorded. Sums and comparisons run in :data:`EXACT`, a context that raises
instead of rounding, so every threshold is judged as rational arithmetic judges it; percentages
exist for display only.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, getcontext, setcontext
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

from recist.course import CourseError, Measurement, Status
from recist.criteria.thresholds import PATHOLOGICAL_NODE_MM, PD_GROWTH_MM, PD_PERCENT, PR_PERCENT
from recist.protocol import Protocol

P = ParamSpec("P")
R = TypeVar("R")

#: 200 digits hold any sum of recorded diameters; a result that does not fit is an error, not a
#: rounded number.
EXACT = Context(prec=200, traps=[Inexact])
_DISPLAY = Context(prec=28)

#: Percentages that are kept for the courses to come.
REMEMBERED = 8192

ZERO = Decimal(0)

_MEASURED, _ABSENT, _TOO_SMALL = Status.MEASURED, Status.ABSENT, Status.TOO_SMALL

#: Compared without division: progression where sum * 100 >= nadir * 120, response where
#: sum * 100 <= baseline * 70.
_WHOLE, _THOUSAND = Decimal(100), Decimal(1000)
_PD_SHARE, _PR_SHARE = _WHOLE + PD_PERCENT, _WHOLE - PR_PERCENT


def exactly(assess: Callable[P, R]) -> Callable[P, R]:
    """Run in :data:`EXACT`, whatever the caller's context.

    Raises:
        CourseError: a diameter of so many digits that its sum has more than 200.
    """

    @wraps(assess)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        outer = getcontext()
        setcontext(EXACT)  # as it is: localcontext would copy it, and this runs for every course
        try:
            return assess(*args, **kwargs)
        except Inexact as error:
            raise CourseError(
                "diameters that cannot be added exactly", remedy="record them to 0.01 mm"
            ) from error
        finally:
            setcontext(outer)

    return inner


_STEPS_MM = {"tenth_mm": Decimal("0.1"), "whole_mm": Decimal(1)}
_TWO = Decimal(2)


def has_grown(total_mm: Decimal, nadir_mm: Decimal) -> bool:
    """Progression of a sum, or growth of a lesion: 20 % and 5 mm above the smallest so far."""
    return total_mm - nadir_mm >= PD_GROWTH_MM and total_mm * _WHOLE >= nadir_mm * _PD_SHARE


def has_shrunk(total_mm: Decimal, baseline_mm: Decimal) -> bool:
    """Partial response of a sum: at least 30 % below the baseline."""
    return total_mm * _WHOLE <= baseline_mm * _PR_SHARE


def progression_mm(nadir_mm: Decimal) -> Decimal:
    """The smallest sum that is progression."""
    share, least = nadir_mm * _PD_SHARE / _WHOLE, nadir_mm + PD_GROWTH_MM
    return share if share >= least else least


def partial_response_mm(baseline_mm: Decimal) -> Decimal:
    """The largest sum that is a partial response."""
    return baseline_mm * _PR_SHARE / _WHOLE


def is_diseased(diameter_mm: Decimal, *, is_node: bool) -> bool:
    """Whether a lesion of this size still counts as disease: a node from 10 mm, others above 0."""
    return diameter_mm >= PATHOLOGICAL_NODE_MM if is_node else diameter_mm > ZERO


def diameter_of(measurement: Measurement, protocol: Protocol, *, is_node: bool) -> Decimal | None:
    """The size of a lesion at a time point; None when its status gives none."""
    status = measurement.status
    if status is _MEASURED:
        return _measured(measurement.parts_mm, protocol, is_node=is_node)
    if status is _TOO_SMALL:
        return too_small(protocol)
    return ZERO if status is _ABSENT else None


def too_small(protocol: Protocol) -> Decimal | None:
    """The size of a lesion seen but too small to measure."""
    if protocol.too_small == "nominal":
        return protocol.too_small_mm
    return protocol.slice_thickness_mm / _TWO if protocol.too_small == "half_slice" else None


def _measured(parts_mm: tuple[Decimal, ...], protocol: Protocol, *, is_node: bool) -> Decimal:
    step = _STEPS_MM.get(protocol.diameter_rounding)
    if step is not None:
        parts_mm = tuple(part.quantize(step, ROUND_HALF_UP, _DISPLAY) for part in parts_mm)
    if is_node and len(parts_mm) > 1:
        if protocol.node_fragments == "largest":
            return max(parts_mm)
        if protocol.node_fragments == "sum_pathological":
            parts_mm = tuple(part for part in parts_mm if part >= PATHOLOGICAL_NODE_MM)
    return sum(parts_mm, ZERO)


def in_mm(value: Decimal) -> str:
    """For display: with one decimal, more where recorded."""
    text = str(value)
    # One decimal, or two that both count: as nearly all are (an exponent has no point so late).
    if text[-2:-1] == "." or (text[-3:-2] == "." and text[-1] != "0"):
        return text
    whole, _, decimals = f"{value:f}".partition(".")
    return f"{whole}.{decimals[:1] or '0'}{decimals[1:].rstrip('0')}"


def percent_cut(now: Decimal, reference: Decimal) -> Decimal:
    """The change in percent from a reference above 0, cut off after one decimal.

    Rounding would show thresholds that were not reached: -29.96 % is not -30.0 %.
    """
    return _in_percent(_tenths(now, reference))[0]


def percent(now: Decimal, reference: Decimal) -> str:
    """For display: the change in percent as :func:`percent_cut` gives it."""
    return _in_percent(_tenths(now, reference))[1] if reference else "from nothing"


def _tenths(now: Decimal, reference: Decimal) -> str:
    return str((now - reference) * _THOUSAND // reference)


@lru_cache(maxsize=REMEMBERED)
def _in_percent(tenths: str) -> tuple[Decimal, str]:
    """A whole number of tenths as percent, and in words: there are few."""
    value = EXACT.scaleb(EXACT.add(Decimal(tenths), ZERO), -1)  # + ZERO: never "-0.0"
    return value, f"{value:+.1f} %"
