"""Settings by name, from presets and files, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from imaging.setting import ProtocolError
from recist import protocol
from recist.protocol import DEFAULT, PRESETS, SETTINGS

#: Open points with one answer, which no setting changes: progression before response, the plane of
#: acquisition.
NOT_SETTINGS = (2, 18)


def test_presets_are_found_by_name() -> None:
    for name in ("recist11-eortc", "fda", "admiralonco", "trial-nct03548428"):
        assert protocol.load(name).name == name
    assert protocol.load("recist11-eortc") == DEFAULT


def test_every_open_point_has_a_setting_with_its_source() -> None:
    points = {SETTINGS[name].point for name in protocol.effective(DEFAULT) if name in SETTINGS}
    assert points - {""} == {f"AMB-{k:02}" for k in range(1, 40) if k not in NOT_SETTINGS}
    for setting in SETTINGS.values():
        assert setting.about and setting.source


def test_a_file_overrides_single_settings_of_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "trial.toml"
    path.write_text('preset = "fda"\nminimum_sd_days = 56\ntoo_small_mm = 4.5\nne_between = 2\n')
    loaded = protocol.load(path)
    expected = replace(
        PRESETS["fda"],
        name="trial",
        minimum_sd_days=56,
        too_small_mm=Decimal("4.5"),
        ne_between=2,
    )
    assert loaded == expected
    assert protocol.load(str(path)) == expected


def test_a_whole_number_of_millimetres_is_a_number() -> None:
    assert protocol.from_table({"too_small_mm": 4}).too_small_mm == Decimal(4)


def test_the_settings_in_force_can_be_written_and_read_again() -> None:
    for preset in PRESETS.values():
        written = json.loads(json.dumps(protocol.effective(preset)))
        assert written.pop("name") == preset.name
        assert written.pop("field")["name"] == "sbrt-default"
        assert written.pop("pet") == {}
        for name, value in written.items():
            kind = SETTINGS[name].kind
            assert getattr(preset, name) == (Decimal(value) if kind is Decimal else value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"sticky_prr": "none"}, "unknown setting 'sticky_prr' .did you mean 'sticky_pr'"),
        ({"zzz": 1}, "unknown setting 'zzz' .settings: sticky_pr"),
        ({"sticky_pr": "nome"}, "'nome' is not an option .did you mean 'none'"),
        ({"sticky_pr": 3}, "'3' is not an option .options: none, after_confirmed, any"),
        ({"response_order": "pd_first"}, "unknown setting 'response_order'"),
        ({"preset": "fdaa"}, "'fdaa' does not exist .did you mean 'fda'"),
        ({"preset": 7}, "'7' does not exist .presets: recist11-eortc"),
        ({"preset": ["fda"]}, "does not exist .*presets: recist11-eortc"),
        ({"minimum_sd_days": "42"}, "'42' is not a whole number .default: 42"),
        ({"minimum_sd_days": True}, "True is not a whole number"),
        ({"minimum_sd_days": -1}, "-1 is negative"),
        ({"too_small_mm": "5"}, "'5' is not a number"),
        ({"too_small_mm": Decimal("NaN")}, "NaN is negative or not finite"),
        ({"too_small_mm": Decimal("Infinity")}, "negative or not finite"),
        ({"one_sd_between": 1}, "1 is not true or false"),
        ({"confirm_max_days": 14}, "confirm_max_days = 14 is before confirm_min_days = 28"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_nearest_name(
    table: dict[str, Any], message: str
) -> None:
    with pytest.raises(ProtocolError, match=message):
        protocol.from_table(table)


def test_a_protocol_that_is_no_preset_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="did you mean 'admiralonco'"):
        protocol.load("admiral-onco")
    with pytest.raises(ProtocolError, match=r"missing.toml: no such file"):
        protocol.load(tmp_path / "missing.toml")
    (tmp_path / "bad.toml").write_text("sticky_pr = \n")
    with pytest.raises(ProtocolError, match=r"bad.toml: not TOML"):
        protocol.load(tmp_path / "bad.toml")
    (tmp_path / "key.toml").write_text('sticky = "none"\n')
    with pytest.raises(ProtocolError, match=r"key.toml: unknown setting 'sticky'"):
        protocol.load(tmp_path / "key.toml")
