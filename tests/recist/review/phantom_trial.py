"""A trial of six small phantom patients: two lesions drawn on three dates each, in NIfTI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from recist.review.database.tables import AccountRole
from recist.review.trial.trial_settings import TrialSettings, read_trial
from recist.review.web import sessions
from recist.review.web.app import create_trial_app, enter, trial_room
from tests.recist.review.conftest import HOST, Browser

PASSWORD = "a long enough password"
DATES = ("2024-01-08", "2024-03-04", "2024-05-06")
SUBJECTS = tuple(f"S{n}" for n in range(1, 7))
PEOPLE = {
    "ann": AccountRole.READER,
    "bob": AccountRole.READER,
    "eve": AccountRole.READER,
    "ada": AccountRole.ADJUDICATOR,
    "max": AccountRole.MONITOR,
    "root": AccountRole.ADMINISTRATOR,
}
SIDE = 24

#: Diameters in mm of both lesions at each date; what the second reader measured otherwise.
SIZES = {
    "S1": (("30", "20"), ("18", "12"), ("15", "10")),
    "S2": (("30", "20"), ("30", "20"), ("40", "25")),
    "S3": (("25", "25"), ("24", "25"), ("25", "24")),
    "S4": (("40", "15"), ("30", "10"), ("24", "8")),
    "S5": (("22", "22"), ("15", "15"), ("30", "30")),
    "S6": (("50", "30"), ("0", "0"), ("0", "0")),
}
SECOND_READER = {"S2": {2: ("31", "21")}, "S4": {1: ("26", "10"), 2: ("26", "10")}}


def write_studies(folder: Path) -> Path:
    """The images of all patients, a sphere for each lesion, named by a manifest."""
    folder.mkdir(parents=True)
    rows = ["subject,date,ct"]
    places = np.indices((SIDE,) * 3).astype(float) * 4.0
    for subject in SUBJECTS:
        for date, sizes in zip(DATES, SIZES[subject], strict=True):
            hu = np.full((SIDE,) * 3, -800, dtype=np.int16)
            for centre, size in zip(((24.0, 48.0, 48.0), (72.0, 48.0, 48.0)), sizes, strict=True):
                away = np.sqrt(sum((p - c) ** 2 for p, c in zip(places, centre, strict=True)))
                hu[away <= float(size) / 2] = 40
            image = nibabel.Nifti1Image(hu, np.diag([-4.0, -4.0, 4.0, 1.0]))
            image.set_sform(image.affine, code=1)
            name = f"{subject}-{date}.nii.gz"
            nibabel.save(image, folder / name)
            rows.append(f"{subject},{date},{name}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


@dataclass(frozen=True, slots=True)
class PhantomTrial:
    """A trial that is served, with a browser for each person."""

    app: Any
    folder: Path
    settings: TrialSettings

    def enter(self, name: str, password: str = PASSWORD) -> Browser:
        browser = Browser(TestClient(self.app, base_url=f"http://{HOST}"))
        answer = browser.post("login", {"user": name, "password": password})
        assert answer.status_code == 200, answer.text
        browser.csrf = answer.json()["csrf"]
        return browser


def begin_trial(
    folder: Path, studies: Path, *, url: str = "", subjects: Sequence[str] = SUBJECTS
) -> PhantomTrial:
    """Settings, accounts and assignments: ann and bob read all, ada adjudicates."""
    database = f'url = "{url}"\n' if url else ""
    # The rules are tested, not the cost of a guess: that has a test of its own.
    sessions._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    file = folder / "trial.toml"
    file.write_text(
        f'[trial]\nname = "PHANTOM"\nstudies = "{studies}"\n'
        'adjudicate_on = ["best_response", "progression_date"]\n'
        'organisation = "Central Reading"\n'
        f'[database]\n{database}[server]\nhosts = ["{HOST}"]\n'
    )
    settings = read_trial(file)
    room = trial_room(settings)
    for name, role in PEOPLE.items():
        enter(room.database, name, role, PASSWORD)
    room.database.close()
    trial = PhantomTrial(create_trial_app(settings), folder, settings)
    root = trial.enter("root")
    for subject in subjects:
        for slot, name in (("reader-1", "ann"), ("reader-2", "bob"), ("adjudicator", "ada")):
            body = {"slot": slot, "account": name}
            answer = root.post(f"trial/subjects/{subject}/assignments", body)
            assert answer.status_code == 200, answer.text
    return trial


def read(browser: Browser, subject: str, *, second: bool = False, until: int = 3) -> None:
    """Measure and sign date by date, then the whole reading."""
    for number, date in enumerate(DATES[:until]):
        sizes = SIZES[subject][number]
        if second:
            sizes = SECOND_READER.get(subject, {}).get(number, sizes)
        browser.say(*_changes(number, date, sizes), subject=subject)
        sign(browser, subject, date)
    if until == len(DATES):
        sign(browser, subject)


def _changes(number: int, date: str, sizes: tuple[str, str]) -> list[dict[str, Any]]:
    if number == 0:
        return [
            {
                "kind": "new", "date": date, "lesion": f"T{n}", "organ": organ, "role": "target",
                "caliper": {"long": [[x, 48, 48], [x, 48 + float(size), 48]]},
            }
            for n, (x, organ, size) in enumerate(
                ((24, "lung", sizes[0]), (72, "liver", sizes[1])), 1
            )
        ]  # fmt: skip
    return [
        {"kind": "status", "date": date, "lesion": f"T{n}", "status": "absent"}
        if Decimal(size) == 0
        else {
            "kind": "status", "date": date, "lesion": f"T{n}", "status": "measured",
            "diameter_mm": size,
        }
        for n, size in enumerate(sizes, 1)
    ]  # fmt: skip


def sign(browser: Browser, subject: str, date: str | None = None) -> dict[str, Any]:
    body = {
        "version": browser.page(subject)["version"],
        "name": "Signed Name",
        "meaning": "my independent read",
        "password": PASSWORD,
    }
    if date:
        body["date"] = date
    answer = browser.post(f"patients/{subject}/sign", body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())
