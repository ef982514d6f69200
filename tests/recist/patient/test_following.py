"""Known lesions at another date: found, gone, out of view, too small, touching; and what is new."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from imaging.volume import Grid, Mask, Unit, Volume
from recist.measure import caliper
from recist.patient.emerging import compared, new_in_lung
from recist.patient.examination import Examination
from recist.patient.following import propose, seen_before
from recist.patient.pieces import united
from recist.patient.proposal import KnownLesion, Proposal
from recist.tracking import DatedCandidates, State, track
from segmentation.infer import Delineation
from segmentation.instances import Candidate
from tests.recist.patient.lung_scenes import FIRST, GRID, OTHER, Spot, date, known, scanned


def proposals(*later: Spot, grid: Grid = GRID) -> tuple[Proposal, ...]:
    before, drawn = date(0, FIRST, OTHER)
    now, _ = date(56, *later, grid=grid)
    return propose(known(before, drawn), now, None)


def longest_mm(mask: Mask) -> float:
    return float(np.ptp(np.argwhere(mask.array.any(axis=2))[:, 0]) * mask.grid.spacing_mm[0])


def test_each_lesion_is_proposed_with_its_size_and_says_where_it_comes_from() -> None:
    (x, y, z), radius = FIRST
    shrunk, grown = proposals(((x + 2, y, z), 0.7 * radius), (OTHER[0], 1.3 * OTHER[1]))
    for proposal, diameter_mm in ((shrunk, 12.6), (grown, 18.2)):
        assert proposal.candidate is not None
        assert longest_mm(proposal.candidate.mask) == pytest.approx(diameter_mm, abs=2.5)
        assert proposal.confidence > 0.9
        assert proposal.candidate.organ == "lung"
        assert proposal.candidate.source == "outline of 2024-01-01 carried over"
    assert shrunk.known.candidate.label == "T1"


def test_a_lesion_that_is_gone_is_not_found() -> None:
    gone, there = proposals((OTHER[0], OTHER[1]), (OTHER[0], OTHER[1]))
    assert gone.in_view
    assert gone.candidate is None or gone.confidence < 0.5
    assert there.candidate is not None


def test_what_grew_out_of_recognition_is_unclear_and_not_gone() -> None:
    (x, y, z), radius = FIRST
    grown, _ = proposals(((x, y, z), 3.5 * radius))
    assert grown.candidate is None and grown.is_unclear
    gone, _ = proposals()
    assert gone.candidate is None and not gone.is_unclear


def test_a_place_outside_of_the_image_is_out_of_view_not_gone() -> None:
    low = Grid((84, 84, 10), np.diag([1.5, 1.5, 2.0, 1.0]))  # ends at 20 mm
    first, other = proposals(grid=low)
    assert not first.in_view and not other.in_view
    assert first.candidate is None


def test_a_network_that_draws_something_else_lowers_the_confidence_and_is_quoted() -> None:
    before, drawn = date(0, FIRST)
    now, (truth,) = date(56, ((FIRST[0][0] + 6.0, *FIRST[0][1:]), FIRST[1]))

    def half(ct: Volume, suv: Volume | None, outline: Mask) -> Delineation:
        array = truth.array.copy()
        array[array.shape[0] // 3 :] = False
        return Delineation(ct.grid, (Candidate("1", Mask(array, truth.start, GRID)),), "net 1")

    def same(ct: Volume, suv: Volume | None, outline: Mask) -> Delineation:
        return Delineation(ct.grid, (Candidate("1", truth),), "net 1")

    (doubted,) = propose(known(before, drawn), now, None, second=half)
    (agreed,) = propose(known(before, drawn), now, None, second=same)
    assert any("from where it was expected" in flag for flag in told(agreed))
    assert doubted.confidence < agreed.confidence
    assert doubted.candidate is not None and agreed.candidate is not None
    assert any("the network draws" in flag for flag in doubted.candidate.flags)
    assert not any("network" in flag for flag in agreed.candidate.flags)


def test_the_network_is_not_asked_where_the_lesion_is_recognised_beyond_doubt() -> None:
    before, drawn = date(0, FIRST)
    now, _ = date(56, FIRST)

    def asked(ct: Volume, suv: Volume | None, outline: Mask) -> Delineation:
        raise AssertionError("seconds of a processor for each lesion and date")

    (sure,) = propose(known(before, drawn), now, None, second=asked)
    assert sure.confidence > 0.9


def told(proposal: Proposal) -> tuple[str, ...]:
    assert proposal.candidate is not None
    return proposal.candidate.flags


BESIDE = (((50.0, 60.0, 50.0), 8.0), ((72.0, 60.0, 50.0), 8.0))


def test_lesions_that_touch_share_no_voxel_and_are_not_measured_across() -> None:
    before, drawn = date(0, *BESIDE)
    now, _ = date(56, ((51.0, 60.0, 50.0), 10.0), ((70.0, 60.0, 50.0), 10.0))
    left, right = propose(known(before, drawn), now, None)
    assert left.candidate is not None and right.candidate is not None
    a, b = left.candidate.mask, right.candidate.mask
    assert not (a.full() & b.full()).any()
    for mask in (a, b):
        assert longest_mm(mask) == pytest.approx(18.5, abs=3.0)


def test_lesions_that_grew_together_are_measured_as_one() -> None:
    before, drawn = date(0, *BESIDE)
    now, (first, second) = date(56, ((52.0, 60.0, 50.0), 13.0), ((70.0, 60.0, 50.0), 12.0))
    left, right = propose(known(before, drawn), now, None)
    assert left.candidate is right.candidate is not None
    assert any("have grown together" in flag for flag in told(left))
    whole = float(caliper(united([first, second])).long_axis_mm)
    assert float(caliper(left.candidate.mask).long_axis_mm) == pytest.approx(whole, rel=0.15)
    day = DatedCandidates(0, tuple(each.candidate for each in known(before, drawn)), GRID)
    later = DatedCandidates(
        56, (left.candidate,), GRID, followed=(left.followed([0]), right.followed([0]))
    )
    states = {each.id: each.sightings[1] for each in track([day, later]).lesions}
    assert [seen.state for seen in states.values()] == [State.MATCHED, State.MERGED]
    assert states["L2"].merged_into == "L1"


@pytest.mark.parametrize("radii", [(5.0, 4.5), (6.5, 6.0)])  # the larger is taken for the whole
def test_a_lesion_in_pieces_has_each_of_them(radii: tuple[float, float]) -> None:
    before, drawn = date(0, ((60.0, 60.0, 50.0), 15.0))
    now, truth = date(56, ((50.0, 60.0, 50.0), radii[0]), ((70.0, 60.0, 50.0), radii[1]))
    (proposal,) = propose(known(before, drawn), now, None)
    assert len(proposal.fragments) == 1
    found = [float(caliper(each.mask).long_axis_mm) for each in proposal.candidates]
    assert found == pytest.approx([float(caliper(mask).long_axis_mm) for mask in truth], abs=1.5)
    assert [each.label for each in proposal.candidates] == ["T1", "T1, piece 2"]
    day = DatedCandidates(0, (known(before, drawn)[0].candidate,), GRID)
    later = DatedCandidates(56, proposal.candidates, GRID, followed=(proposal.followed([0, 1]),))
    (lesion,) = track([day, later]).lesions
    assert lesion.sightings[1].state is State.SPLIT
    assert lesion.sightings[1].candidates == (0, 1)


def test_a_spot_that_was_lung_is_new_and_a_known_one_is_not() -> None:
    before, _ = date(0, FIRST)
    now, (_, spot) = date(56, FIRST, OTHER)
    volumes = now.ct.volume, compared(before.ct.volume)
    (middle,) = new_in_lung(*volumes, (None, None), [])
    assert np.linalg.norm(middle - spot.centre_mm) < 4.0
    assert new_in_lung(*volumes, (None, None), [(spot, 0.0)]) == ()
    beside = Mask(np.ones((3, 3, 3), np.bool_), (30, 40, 22), GRID)
    assert new_in_lung(*volumes, (None, None), [(beside, 60.0)]) == ()
    assert new_in_lung(before.ct.volume, volumes[1], (None, None), []) == ()


def test_what_was_there_before_is_recognised_backwards() -> None:
    before, _ = date(0, FIRST, OTHER)
    now, (_, later) = date(56, FIRST, OTHER)
    lesion = KnownLesion(now, 0, Candidate("1", later), None)
    seen = seen_before(lesion, before, None)
    assert seen is not None and seen.is_unchanged
    empty, _ = date(0, FIRST)
    assert seen_before(lesion, empty, None) is None


def in_grained_tissue(day: int, stands_out_hu: float) -> tuple[Examination, Mask]:
    """A ball of 8 mm radius in tissue whose own grain is the same at every date."""
    grain = ndimage.gaussian_filter(np.random.default_rng(7).normal(0, 1, GRID.shape), 3.0)
    hu = 50.0 + 40.0 * grain / grain.std()
    points = GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
    ball = np.linalg.norm(points - np.array(FIRST[0]), axis=-1) <= 8.0
    hu += stands_out_hu * ball + np.random.default_rng(day).normal(0, 8, GRID.shape)
    ct = Volume(hu.astype(np.float32), GRID, Unit.HU)
    return scanned(day, ct), Mask.of(ball, GRID)


@pytest.mark.parametrize(("now_hu", "there"), [(40.0, True), (20.0, True), (0.0, False)])
def test_the_tissue_around_a_lesion_is_not_the_lesion(now_hu: float, there: bool) -> None:
    before, drawn = in_grained_tissue(0, 40.0)
    now, _ = in_grained_tissue(56, now_hu)
    (proposal,) = propose(known(before, (drawn,)), now, None)
    assert (proposal.candidate is not None) is there, proposal.reason
    assert ("does not stand out" in proposal.reason) is not there
