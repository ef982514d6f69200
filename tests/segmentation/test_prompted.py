"""One door: who answers, what is held to a line, what another method says beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.volume import Grid, Unit, Volume
from segmentation import prompted
from segmentation.bundle import FINE_BUNDLE, NetworkKind, load_bundle
from segmentation.fine.answering import LesionLogits
from segmentation.infer import Delineation
from segmentation.instances import components
from segmentation.prompted import Models, delineate_prompted, near_lung
from segmentation.prompts import Click, Line

CENTRE_MM = (60.0, 60.0, 60.0)
SHAPE = (120, 120, 60)


def ball(radius_mm: float, grid: Grid) -> np.ndarray:
    points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    return np.asarray(np.linalg.norm(points - np.array(CENTRE_MM), axis=-1) <= radius_mm)


def chest(radius_mm: float, around_hu: int = -850) -> Volume:
    grid = Grid(SHAPE, np.diag([1.0, 1.0, 2.0, 1.0]))
    hu = np.where(ball(radius_mm, grid), 40, around_hu)
    return Volume(hu.astype(np.int16), grid, Unit.HU, "drawn")


def line(radius_mm: float) -> Line:
    x, y, z = CENTRE_MM
    return Line((x - radius_mm, y, z), (x + radius_mm, y, z))


Asked = list[str]


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Models, Asked]]:
    """Both networks as rules: each answers with a ball of a given radius and notes being asked."""

    def build(
        fine_mm: float, coarse_mm: float = 20.0, certainty: float = 0.9
    ) -> tuple[Models, Asked]:
        asked: Asked = []

        def signed(radius_mm: float, grid: Grid) -> np.ndarray:
            points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
            away = np.linalg.norm(points - np.array(CENTRE_MM), axis=-1)
            return np.asarray(radius_mm - away, np.float32)

        class Fine:
            def __init__(self, *_: object, **__: object) -> None: ...

            def answer(self, ct: Volume, prompt: object) -> LesionLogits:
                asked.append("fine")
                logit = Volume(signed(fine_mm, ct.grid), ct.grid, Unit.OTHER)
                return LesionLogits(logit, logit.array[None], 0.0, 2 * fine_mm, certainty)

        def coarse(ct: Volume, *_: object, **__: object) -> Delineation:
            asked.append("coarse")
            logit = Volume(signed(coarse_mm, ct.grid), ct.grid, Unit.OTHER)
            found = components(logit.array > 0, ct.grid, source="coarse")
            return Delineation(ct.grid, found, "coarse", logit=logit)

        monkeypatch.setattr(prompted, "FineNetworks", Fine)
        monkeypatch.setattr(prompted, "delineate", coarse)
        return Models.shipped(), asked

    return build


def test_the_bundles_that_ship_are_of_both_kinds() -> None:
    models = Models.shipped()
    assert models.fine is not None
    assert models.coarse is not None
    assert (models.fine.kind, models.coarse.kind) == (NetworkKind.FINE, NetworkKind.COARSE)
    assert Models.only(models.fine) == Models(models.fine, None)
    assert Models.only(models.coarse) == Models(None, models.coarse)


@pytest.mark.parametrize(
    ("radius_mm", "answered"), [(5.0, ["fine"]), (40.0, ["fine", "coarse"]), (50.0, ["coarse"])]
)
def test_the_length_of_a_line_decides_who_answers(
    doors: Callable[..., tuple[Models, Asked]], radius_mm: float, answered: list[str]
) -> None:
    models, asked = doors(radius_mm, coarse_mm=radius_mm)
    found = delineate_prompted(chest(radius_mm), None, line(radius_mm), models, checked=False)
    assert asked == answered
    assert len(found.candidates) == 1
    assert ("lesion_ct " in found.model) == ("fine" in answered)


def test_no_size_makes_the_diameter_jump(doors: Callable[..., tuple[Models, Asked]]) -> None:
    lengths = []
    for radius in np.arange(34.0, 50.0, 2.0):
        models, _ = doors(float(radius), coarse_mm=float(radius) * 0.6)
        found = delineate_prompted(
            chest(float(radius)), None, Click(CENTRE_MM), models, checked=False
        )
        lengths.append(found.candidates[0].mask.array.shape[0])
    # The networks differ by 40 mm here; between neighbouring sizes the answer moves far less.
    assert max(abs(np.diff(lengths))) <= 10


def test_a_click_away_from_the_lung_goes_to_the_large_network(
    doors: Callable[..., tuple[Models, Asked]],
) -> None:
    models, asked = doors(5.0)
    delineate_prompted(chest(5.0, around_hu=60), None, Click(CENTRE_MM), models, checked=False)
    assert asked == ["coarse"]
    assert near_lung(chest(5.0), Click(CENTRE_MM))
    assert not near_lung(chest(5.0, around_hu=-1000), Click(CENTRE_MM))


def test_an_answer_from_a_line_is_held_to_it(doors: Callable[..., tuple[Models, Asked]]) -> None:
    models, _ = doors(12.0)
    found = delineate_prompted(chest(6.0), None, line(6.0), models, checked=False)
    (candidate,) = found.candidates
    assert candidate.long_axis == (line(6.0).start_mm, line(6.0).end_mm)
    for _, plane in candidate.mask.slices():
        points = np.argwhere(plane)
        assert np.linalg.norm(np.ptp(points, axis=0)) <= 1.5 * 12.0


@pytest.mark.parametrize("prompt", [line(6.0), Click(CENTRE_MM)])
def test_a_method_that_disagrees_flags_the_lesion(
    doors: Callable[..., tuple[Models, Asked]], prompt: Line | Click
) -> None:
    models, _ = doors(2.5)
    (wrong,) = delineate_prompted(chest(6.0), None, prompt, models).candidates
    assert any("disagree" in flag for flag in wrong.flags)
    models, _ = doors(6.0)
    (right,) = delineate_prompted(chest(6.0), None, prompt, models).candidates
    assert right.flags == ()


def test_a_classical_method_steps_in_where_the_network_finds_nothing_or_is_unsure(
    doors: Callable[..., tuple[Models, Asked]],
) -> None:
    models, _ = doors(-1.0)
    found = delineate_prompted(chest(6.0), None, line(6.0), models)
    assert found.model == "fast-marching"
    assert any("found no lesion at the prompt: this is by" in text for text in found.warnings)
    models, _ = doors(1.5, certainty=0.55)
    found = delineate_prompted(chest(6.0), None, line(6.0), models)
    assert found.model == "fast-marching"
    assert any("unsure" in text for text in found.warnings)
    assert found.candidates[0].long_axis is not None


def test_without_a_network_nothing_is_answered() -> None:
    with pytest.raises(InputError, match="no network"):
        delineate_prompted(chest(6.0), None, line(6.0), Models(None, None))


def test_the_shipped_network_finds_a_nodule_that_it_has_not_seen() -> None:
    ct = chest(5.0)
    noise = np.random.default_rng(0).normal(0.0, 15.0, ct.array.shape)
    noisy = replace(ct, array=(ct.array + noise).astype(np.int16))
    models = Models.only(load_bundle(name=FINE_BUNDLE))
    for prompt in (Click(CENTRE_MM), line(5.0)):
        found = delineate_prompted(noisy, None, prompt, models, device="cpu").mask()
        true = ball(5.0, ct.grid)
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.75
