"""No request that the description of the API allows ends in a 5xx, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from recist.review.web.sessions import COOKIE, CSRF_HEADER
from tests.recist.review.conftest import HOST
from tests.recist.review.phantom_trial import DATES, PhantomTrial, begin_trial, write_studies

EXAMPLES = 4
#: Paths with a chance to be something: a subject that is there, a date, an image.
LIKELY = {"subject": "S1", "date": DATES[0], "modality": "ct", "plane": "axial", "n": 1}
#: What is taken of a generated request.
SENT = ("method", "url", "params", "json", "data")
#: They would end the session, or make the next logins wait.
LEFT_OUT = ("POST /api/logout", "POST /api/login", "POST /api/password")


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhantomTrial]:
    folder = tmp_path_factory.mktemp("any")
    found = begin_trial(folder, write_studies(folder / "studies"))
    yield found
    found.app.state.room.database.close()


def operations(trial: PhantomTrial) -> dict[str, Any]:
    """Every operation of the description by its label."""
    schema = schemathesis.openapi.from_dict(trial.app.openapi())
    found = (each.ok() for each in schema.get_all_operations())
    return {f"{each.method.upper()} {each.path}": each for each in found}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("who", "mode"),
    [
        ("ann", GenerationMode.POSITIVE),
        ("root", GenerationMode.POSITIVE),
        ("ann", GenerationMode.NEGATIVE),
    ],
)
def test_no_request_ends_in_a_server_error(
    trial: PhantomTrial, who: str, mode: GenerationMode
) -> None:
    browser = trial.enter(who)
    headers = {CSRF_HEADER: browser.csrf, "Cookie": f"{COOKIE}={browser.client.cookies[COOKIE]}"}
    client = TestClient(trial.app, base_url=f"http://{HOST}", raise_server_exceptions=False)
    known = operations(trial)
    assert len(known) > 25
    seen: set[int] = set()
    for label, operation in known.items():
        if label not in LEFT_OUT:
            seen |= statuses(client, headers, operation, mode)
    assert 422 in seen and (200 in seen or mode is GenerationMode.NEGATIVE)


def statuses(
    client: TestClient, headers: dict[str, str], operation: Any, mode: GenerationMode
) -> set[int]:
    """How an operation was answered, over all requests that were made up for it."""
    seen: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode), likely=st.booleans())
    def ask(case: Any, likely: bool) -> None:
        if likely:
            for name in set(case.path_parameters or ()) & set(LIKELY):
                case.path_parameters[name] = LIKELY[name]
        request = case.as_transport_kwargs(base_url=f"http://{HOST}")
        request = {name: value for name, value in request.items() if name in SENT and value}
        if isinstance(request.get("data"), str | bytes):
            request["content"] = request.pop("data")
        answer = client.request(**request, headers=headers)
        assert answer.status_code < 500, f"{answer.status_code} {request} {answer.text}"
        seen.add(answer.status_code)

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing about it can be wrong
    return seen
