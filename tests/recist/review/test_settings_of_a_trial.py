"""TRIAL.toml: what it takes, what it refuses; and the page about it names tests that exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from imaging.errors import InputError
from recist.review.trial.acceptance import Trigger
from recist.review.trial.trial_settings import SECTIONS, read_trial

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "central-review.md").read_text("utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "trial.toml"
    path.write_text(text)
    return path


def test_name_and_images_are_enough(tmp_path: Path) -> None:
    found = read_trial(written(tmp_path, '[trial]\nname = "A"\nstudies = "images"\n'))
    assert found.studies == tmp_path / "images" and not found.shows_proposals
    assert found.adjudicate_on == (Trigger.BEST_RESPONSE, Trigger.PROGRESSION_DATE)
    assert found.url == f"sqlite:///{tmp_path}/review/trial.sqlite"
    assert found.hosts == ("127.0.0.1:8443",) and found.protocol.reader_disagreement


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[trail]\n", "unknown section: trail"),
        ('[trial]\nname = "A"\nstudie = "x"\n', "unknown key of [trial]: studie"),
        ('[trial]\nname = "A"\n', "[trial] has no studies"),
        ('[trial]\nname = 1\nstudies = "x"\n', "name = 1 is not a str"),
        ('[trial]\nname = "A"\nstudies = "x"\nproposals = "shown"\n', "without results"),
        ('[trial]\nname = "A"\nstudies = "x"\nadjudicate_on = ["bor"]\n', "adjudicate_on has"),
        ('[trial]\nname = "A"\nstudies = "x"\n[server]\nport = "x"\n', "port = 'x' is not a int"),
        ("[trial\n", "not TOML"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        read_trial(written(tmp_path, text))


def test_the_page_shows_every_key_and_its_example_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    shown = tomllib.loads(example)
    assert {name: set(keys) for name, keys in shown.items()} == {
        name: set(keys) for name, keys in SECTIONS.items()
    }
    (tmp_path / "series.csv").write_text("subject,series,use\n")
    (tmp_path / "dates.csv").write_text("subject,study,date\n")
    (tmp_path / "protocol.toml").write_text('reader_disagreement = "consensus"\n')
    found = read_trial(written(tmp_path, example))
    assert found.protocol.reader_disagreement == "consensus" and found.https


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    folders = (Path(__file__).parent, Path(__file__).parents[1] / "export" / "dicom")
    sources = "".join(path.read_text() for each in folders for path in each.glob("test_*.py"))
    assert len(named) > 15
    assert {name for name in named if f"def {name}(" not in sources} == set()
