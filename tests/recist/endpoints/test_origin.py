"""Time zero by hand: which event starts the clock, and what is remarked on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recist.endpoints.origin import remarks_on_start, time_zero, time_zero_of
from recist.protocol import DEFAULT
from tests.recist.patients import Visits, course

TREATED = replace(DEFAULT, origin="treatment_start")
SCANNED = replace(DEFAULT, origin="baseline")
#: Scanned on day -7 and once under treatment.
VISITS: Visits = {-7: {"T1": 30}, 56: {"T1": 20}}


@pytest.mark.parametrize(
    ("events", "randomised", "treated", "scanned"),
    [
        ({}, 0, 0, -7),
        ({0: "randomisation", 5: "treatment-start"}, 0, 5, -7),
        ({3: "radiotherapy-start", 5: "treatment-start"}, 3, 3, -7),
        # An earlier line starts no clock while there is another start ...
        ({-90: "radiotherapy-start", 5: "treatment-start"}, 5, 5, -7),
        # ... but where nothing else is recorded, the last one does.
        ({-90: "radiotherapy-start", -20: "radiotherapy-start"}, -20, -20, -7),
    ],
)
def test_the_clock_starts_with_the_event_that_the_protocol_names(
    events: dict[int, str], randomised: int, treated: int, scanned: int
) -> None:
    patient = course(VISITS, events=events)
    found = [time_zero_of(patient, protocol) for protocol in (DEFAULT, TREATED, SCANNED)]
    assert found == [randomised, treated, scanned]
    dated = [(event.day, event.kind) for event in patient.events]
    if events:
        assert time_zero(dated, -7, DEFAULT) == randomised
    assert time_zero(dated, -7, SCANNED) == -7


def test_without_a_scan_day_zero_stands() -> None:
    nobody = course({})
    assert time_zero_of(nobody, SCANNED) == time_zero_of(nobody, DEFAULT) == 0
    assert remarks_on_start(nobody, DEFAULT) == ()


def test_a_start_before_the_scan_and_one_that_was_passed_are_remarked_on() -> None:
    late = course(VISITS, events={-20: "treatment-start"})
    assert remarks_on_start(late, DEFAULT) == (
        "durations count from 13 days before the baseline scan",
    )
    passed = course(VISITS, events={-90: "radiotherapy-start", 5: "treatment-start"})
    (remark,) = remarks_on_start(passed, DEFAULT)
    assert remark.startswith("radiotherapy 83 days before the baseline scan")
    assert remarks_on_start(passed, SCANNED) == ()
    assert remarks_on_start(course(VISITS, events={0: "treatment-start"}), DEFAULT) == ()
