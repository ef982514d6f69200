"""One file, one loader, one option for every command."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pet.response.percist import PERCIST
from recist import cli, protocol
from recist.patient.options import Options
from recist.protocol import DEFAULT, PRESETS, ProtocolError
from recist.protocol.field import FIVE_GRAY_PROFILE

PRESET_FILES = Path(protocol.__file__).parent / "presets"


def toml(folder: Path, text: str) -> Path:
    path = folder / "trial.toml"
    path.write_text(text)
    return path


def test_a_file_has_a_section_for_each_part(tmp_path: Path) -> None:
    found = protocol.load(
        toml(
            tmp_path,
            """
            preset = "fda"
            [recist]
            minimum_sd_days = 56
            [field]
            version = "2"
            low_dose_gy = 2.5
            tail = { factor = 2 }
            [pet.percist]
            rise_percent = 25
            least_sul = "none"
            [pet.percist.comparability]
            longest_uptake_min = 75
            """,
        )
    )
    assert found == replace(
        PRESETS["fda"], name="trial", minimum_sd_days=56, field=found.field, pet=found.pet
    )
    assert (found.field.label, found.field.low_dose_gy) == ("trial 2", 2.5)
    assert (found.field.tail.factor, found.field.tail.isodose) == (2.0, 0.05)
    assert (found.pet.percist.rise_percent, found.pet.percist.least_sul) == (25.0, None)
    assert found.pet.percist.comparability.longest_uptake_min == 75.0
    assert found.pet.percist.fall_percent == PERCIST.fall_percent
    written = protocol.effective(found)
    assert written["field"]["low_dose_gy"] == 2.5  # type: ignore[index]
    assert list(written["pet"]) == ["percist"]  # type: ignore[call-overload]


def test_settings_without_a_section_keep_working(tmp_path: Path) -> None:
    found = protocol.load(
        toml(tmp_path, "too_small_mm = 4.5\n[percist]\nfall_percent = 60\n[eortc]\ngap = 'PMR'\n")
    )
    assert found.too_small_mm == Decimal("4.5")
    assert found.pet.percist.fall_percent == 60.0
    assert found.pet.eortc.gap == "PMR"


def test_a_field_profile_is_named_alone(tmp_path: Path) -> None:
    found = protocol.load(toml(tmp_path, "[field]\nbased_on = 'five-gray'\n"))
    assert found.field is FIVE_GRAY_PROFILE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[feild]\nlow_dose_gy = 2", r"unknown section .feild. .did you mean 'field'"),
        ("[recist]\nsticky = 'none'", "unknown setting 'sticky' .did you mean 'sticky_pr'"),
        ("[field]\nlow_dose = 2", "unknown setting field.low_dose .did you mean 'low_dose_gy'"),
        ("[pet.percist]\nrise_percnt = 2", "unknown setting pet.percist.rise_percnt .did you mean"),
        ("[pet.ipercist]\nconfirms = 'hope'", "setting pet.ipercist.confirms cannot be 'hope'"),
        ("pet = 3", r"pet = 3 is no section .write .pet."),
        ("sticky_pr = 'none'\n[recist]\nsticky_pr = 'any'", "sticky_pr is set twice"),
        ("preset = 'fad'", "'fad' does not exist .did you mean 'fda'"),
    ],
)
def test_a_slip_in_any_section_is_refused_by_every_command(
    text: str, says: str, tmp_path: Path
) -> None:
    path = toml(tmp_path, text)
    with pytest.raises(ProtocolError, match=says) as refused:
        protocol.load(path)
    assert str(path) in str(refused.value)
    for command in ("run", "assess", "outcomes", "abscopal", "assess-pet"):
        done = CliRunner().invoke(
            cli.app,
            [command, str(tmp_path), "-o", str(tmp_path / "out"), "--protocol", str(path)]
            + (["--lesions", "dicom"] if command == "run" else []),
        )
        assert isinstance(done.exception, ProtocolError), (command, done.output)


def test_every_preset_is_a_file_that_ships() -> None:
    assert {path.stem for path in PRESET_FILES.glob("*.toml")} == set(PRESETS)
    assert next(iter(PRESETS)) == DEFAULT.name
    assert PRESETS[DEFAULT.name] == DEFAULT
    for name, preset in PRESETS.items():
        assert protocol.load(name) is preset
        assert protocol.load(PRESET_FILES / f"{name}.toml") == preset


def test_a_run_takes_its_field_and_pet_settings_from_the_protocol(tmp_path: Path) -> None:
    path = toml(tmp_path, "[field]\nlow_dose_gy = 2\n[pet.eortc]\ninclusive = true\n")
    options = Options.create(lesions="dicom", protocol=str(path))
    assert options.protocol.field.low_dose_gy == 2.0
    assert options.protocol.pet.eortc.inclusive
    assert options.as_dict()["protocol"]["field"]["low_dose_gy"] == 2.0  # type: ignore[index]
