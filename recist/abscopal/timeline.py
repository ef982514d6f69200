"""When the patient was irradiated and treated otherwise, and which scans say something of it."""

from __future__ import annotations

from dataclasses import dataclass

from recist.course import Course, EventKind
from recist.protocol import Protocol

_START, _END = EventKind.RADIOTHERAPY_START, EventKind.RADIOTHERAPY_END


@dataclass(frozen=True, slots=True)
class Timeline:
    """The days that decide on an abscopal response.

    Attributes:
        start_day, end_day: of radiotherapy; where no date is recorded, of the baseline.
        recorded: a date of radiotherapy is recorded.
        baseline_day: of the last scan before radiotherapy; None without one.
        follow_up_days: of scans after radiotherapy on which a response counts.
        observed_days: of those and later ones, on which progression counts.
        systemic_day: the last start of systemic therapy before radiotherapy or around it.
        changed_day: a systemic therapy that started after radiotherapy.
        censor_day: nothing after it counts, ``censored_by`` says why; None where nothing does.
        remarks: what had to be assumed.
    """

    start_day: int
    end_day: int
    recorded: bool
    baseline_day: int | None
    follow_up_days: tuple[int, ...]
    observed_days: tuple[int, ...]
    systemic_day: int | None = None
    changed_day: int | None = None
    censor_day: int | None = None
    censored_by: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def baseline_age_days(self) -> int:
        """How long before radiotherapy the baseline was scanned; 0 without one."""
        return 0 if self.baseline_day is None else self.start_day - self.baseline_day


def timeline_of(course: Course, protocol: Protocol, *, systemic: bool | None = None) -> Timeline:
    """The timeline of a course.

    Courses of radiotherapy without a scan between them are one. A later one, and a systemic
    therapy that starts after radiotherapy, end what can be said of the first.

    Args:
        systemic: whether ``treatment-start`` is of a systemic therapy. None: it is taken as one,
            since to take it for radiotherapy would credit radiotherapy with too much.
    """
    scans = [timepoint.day for timepoint in course.timepoints]
    start, end, later, remarks = _radiotherapy(course, scans)
    recorded = start is not None
    if start is None or end is None:
        start = end = scans[0] if scans else 0
    before = [day for day in scans if day <= start]
    treatments = _days(course, EventKind.TREATMENT_START) if systemic is not False else []
    changes = _days(course, EventKind.NEW_THERAPY)
    near = end + protocol.abscopal_systemic_days
    around = [day for day in treatments if day <= near] + [day for day in changes if day <= start]
    changed = [day for day in treatments if day > near] + [day for day in changes if day > start]
    if systemic is None and recorded and start in treatments:
        remarks.append(
            "treatment started on the day of radiotherapy: taken as systemic; say systemic = no "
            "where it is the radiotherapy itself"
        )
    ends = [
        *((day, "a new systemic therapy") for day in changed),
        *((day, "further radiotherapy") for day in later),
    ]
    censor_day, censored_by = min(ends, default=(None, ""))
    observed = [day for day in scans if day > end and (censor_day is None or day <= censor_day)]
    until = start + protocol.abscopal_follow_up_days
    return Timeline(
        start,
        end,
        recorded,
        before[-1] if before else None,
        tuple(day for day in observed if day <= until),
        tuple(observed),
        max(around, default=None),
        min(changed, default=None),
        censor_day,
        censored_by,
        tuple(remarks),
    )


def _radiotherapy(
    course: Course, scans: list[int]
) -> tuple[int | None, int | None, list[int], list[str]]:
    """Start and end of the radiotherapy on study, later starts, and what was assumed."""
    remarks: list[str] = []
    starts, ends = _days(course, _START), _days(course, _END)
    first_scan = scans[0] if scans else 0
    on_study = [day for day in starts if day >= first_scan]
    if starts and not on_study:
        on_study = starts[-1:]  # before the first scan: there is no baseline
    if not on_study:
        if not ends:
            remarks.append("no date of radiotherapy: the first scan is taken as its baseline")
            return None, None, [], remarks
        remarks.append("no start of radiotherapy: its end is taken")
        return ends[0], ends[0], [], remarks
    start = on_study[0]
    end = next((day for day in ends if day >= start), None)
    if end is None:
        remarks.append("no end of radiotherapy: times run from its start")
        end = start
    next_scan = next((day for day in scans if day > end), None)
    together = [day for day in on_study if next_scan is None or day < next_scan]
    until = [day for day in ends if day >= end and (next_scan is None or day <= next_scan)]
    end = max([end, together[-1], *until])
    return start, end, [day for day in on_study if day not in together], remarks


def _days(course: Course, kind: EventKind) -> list[int]:
    return sorted(event.day for event in course.events if event.kind is kind)
