"""Target response: the sum of diameters against its baseline and its nadir.

Eisenhauer 2009, section 4.3.1: complete response, progression, partial response, stable disease, in
this order. The nadir is the smallest sum so far, the baseline included and the time point itself
left out; shrinkage is measured from the baseline and growth from the nadir.
"""

from __future__ import annotations

from decimal import Decimal

from recist.criteria import explanation as say
from recist.criteria.diameter import has_grown, has_shrunk
from recist.criteria.observation import Observation
from recist.protocol import Protocol
from recist.response import Response, RuleReason, RuleWording

CR, PR, SD, PD, NE = Response.CR, Response.PR, Response.SD, Response.PD, Response.NE


class Sums:
    """The sums of one patient up to a time point, and the response that they make.

    Attributes:
        has_responded: a partial response has been reached and nothing has ended it.
        baseline_mm: None when a target was not evaluable at baseline.
        nadir_mm: None as long as there is no sum to grow from.
        partial_nadir_mm: the smallest incomplete sum, which may be the nadir only by setting.
    """

    __slots__ = (
        "_protocol",
        "baseline_mm",
        "confirmed",
        "first_response_day",
        "has_responded",
        "missing",
        "nadir_mm",
        "partial_nadir_mm",
        "stable",
        "target_cr",
    )

    def __init__(self, baseline: Observation, protocol: Protocol) -> None:
        self._protocol = protocol
        self.baseline_mm: Decimal | None = baseline.total_mm if baseline.complete else None
        self.nadir_mm = self.baseline_mm
        self.partial_nadir_mm: Decimal | None = None
        self.first_response_day: int | None = None
        self.confirmed = self.has_responded = False
        self.missing = 0
        self.stable = 0
        self.target_cr = False

    def judge(self, seen: Observation) -> tuple[Response, RuleWording]:
        """The response of one scan, without stickiness, and the rule that gives it."""
        nadir, total = self.nadir_mm, seen.total_mm
        grown = nadir is not None and has_grown(total, nadir)
        if not seen.complete:
            return self._of_a_part(seen, grown=grown)
        if not seen.diseased and (not grown or self._protocol.node_cr_precedence):
            return CR, say.TARGET_CR
        if grown:
            return PD, say.TARGET_PD
        if self.baseline_mm is None:
            return NE, say.TARGET_WITHOUT_BASELINE
        if has_shrunk(total, self.baseline_mm):
            return PR, say.TARGET_PR
        return SD, say.TARGET_SD

    def _of_a_part(self, seen: Observation, *, grown: bool) -> tuple[Response, RuleWording]:
        # What was not seen cannot subtract: the part alone may prove progression (4.4.2). A part
        # of normal nodes proves nothing, for the whole could still be a complete response.
        proves = seen.diseased or not self._protocol.node_cr_precedence
        if grown and proves and self._lower_bound:
            return PD, say.TARGET_PD_LOWER_BOUND
        return NE, say.TARGET_NE

    @property
    def _lower_bound(self) -> bool:
        return self._protocol.missing_target == "lower_bound"

    def holds(self) -> bool:
        """Whether what has responded, and is stable by this scan, still is PR (AMB-01)."""
        sticky = self._protocol.sticky_pr
        return self.confirmed if sticky == "after_confirmed" else sticky == "any"

    def watches_targets(self) -> bool:
        """Whether a target that is back is progression by itself (AMB-03)."""
        return self.target_cr and self._protocol.pd_on_reappearance == "any_target_cr"

    def finding(self, form: RuleWording, seen: Observation) -> RuleReason:
        total, baseline, nadir = seen.total_mm, self.baseline_mm, self.nadir_mm
        if seen.complete:
            return RuleReason(form, total, baseline, nadir, seen.sizes_mm)
        return RuleReason(form, total, baseline, nadir, seen.sizes_mm, seen.missing)

    def add(self, seen: Observation, by_scan: Response, *, progressed: bool) -> None:
        """Take a time point into the history that the next one is judged by.

        Args:
            progressed: the overall response is progression, which ends any partial response.
        """
        if seen.complete or (seen.sizes_mm and self._protocol.nadir_sums == "any"):
            if self.nadir_mm is None or seen.total_mm < self.nadir_mm:
                self.nadir_mm = seen.total_mm
        elif seen.sizes_mm:
            partial = self.partial_nadir_mm
            self.partial_nadir_mm = (
                seen.total_mm if partial is None else min(partial, seen.total_mm)
            )
        if progressed:
            self.first_response_day = None
            self.confirmed = self.has_responded = False
        elif by_scan is PR or by_scan is CR:
            self.has_responded = True
            self.target_cr |= by_scan is CR
            if self.first_response_day is None:
                self.first_response_day = seen.day
                self.missing = self.stable = 0
            elif seen.day - self.first_response_day >= self._protocol.confirmation_days:
                self.confirmed = True
        elif self.first_response_day is not None and self._protocol.sticky_pr != "any":
            if by_scan is NE:
                self.missing += 1
            else:
                self.stable += 1
            protocol = self._protocol
            if self.missing > protocol.ne_between or self.stable > protocol.one_sd_between:
                self.first_response_day = None
                self.has_responded = self.confirmed

    def warnings(self, seen: Observation, by_scan: Response) -> tuple[str, ...]:
        """What the answer rests on, and which settings would change it."""
        found, nadir = seen.remarks, self.nadir_mm
        if by_scan is SD and self.partial_nadir_mm is None:
            return found
        if nadir is None:
            return (*found, "no complete baseline: neither PR nor SD can be assigned")
        if by_scan is PD:
            if seen.placeholders_mm and not has_grown(seen.total_mm - seen.placeholders_mm, nadir):
                found += (
                    "progression rests on nominal sizes of targets too small to measure "
                    "(too_small, AMB-16)",
                )
            if not seen.complete:
                found += ("progression by a lower bound; NE with missing_target = ne (AMB-12)",)
            elif not seen.diseased:
                found += ("all nodes are normal; CR with node_cr_precedence = true (AMB-04)",)
        elif by_scan is CR and has_grown(seen.total_mm, nadir):
            found += ("the sum progressed; PD with node_cr_precedence = false (AMB-04)",)
        elif by_scan is NE and not self._lower_bound and has_grown(seen.total_mm, nadir):
            found += (
                "the measured part progressed; PD with missing_target = lower_bound (AMB-12)",
            )
        elif self.partial_nadir_mm is not None and self._incomplete_would_progress(seen):
            found += ("PD if incomplete sums were a nadir (nadir_sums = any, AMB-13)",)
        return found

    def _incomplete_would_progress(self, seen: Observation) -> bool:
        lowest = self.partial_nadir_mm
        return (
            lowest is not None
            and seen.complete
            and seen.diseased
            and has_grown(seen.total_mm, lowest)
        )
