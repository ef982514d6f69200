"""Lesion identity over the dates, on drawn scenes and on the simulated patients."""

from __future__ import annotations

import csv
import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.errors import InputError
from imaging.registration import Registration, RegistrationMethod, RegistrationQuality
from imaging.volume import FloatArray, Grid, Mask
from recist.tracking import (
    CONFIRMED,
    NOT_IMAGED_BEFORE,
    DatedCandidates,
    Followed,
    Link,
    State,
    Tracks,
    link_rows,
    read_links,
    track,
)
from segmentation.instances import Candidate, labelled_candidates

Ball = tuple[float, float, float, float]  # x, y, z of the centre and the radius in mm

WIDE = Grid((60, 60, 40), np.diag([2.0, 2.0, 3.0, 1.0]))  # 120 x 120 x 120 mm


def ball(spot: Ball, grid: Grid) -> Mask:
    place = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    return Mask.of(np.linalg.norm(place - np.array(spot[:3]), axis=-1) <= spot[3], grid)


def union(*spots: Ball, grid: Grid = WIDE) -> Mask:
    return Mask.of(np.any([ball(spot, grid).full() for spot in spots], axis=0), grid)


def candidates(*masks: Mask) -> tuple[Candidate, ...]:
    return tuple(Candidate(f"c{n}", mask) for n, mask in enumerate(masks, 1))


def dated(
    day: int, *masks: Mask, grid: Grid = WIDE, registration: Registration | None = None
) -> DatedCandidates:
    return DatedCandidates(
        day, candidates(*masks), grid, registration, dt.date(2024, 1, 1) + dt.timedelta(days=day)
    )


def shifted(grid: Grid, by_mm: tuple[float, float, float]) -> Registration:
    """A registration that knows of a patient moved on the table."""
    rigid = np.eye(4)
    rigid[:3, 3] = by_mm
    return Registration(
        WIDE, grid, rigid, RegistrationQuality(RegistrationMethod.RIGID, 0.5, 0.95, 1.0)
    )


def story(tracks: Tracks) -> dict[str, list[str]]:
    """Per lesion: state and candidates at each date, in a word."""
    return {
        lesion.id: [
            f"{seen.state} {'+'.join(str(c + 1) for c in seen.candidates)}".strip()
            for seen in lesion.sightings
        ]
        for lesion in tracks.lesions
    }


LARGE, SMALL, OTHER = (30.0, 30.0, 60.0, 15.0), (80.0, 40.0, 60.0, 8.0), (60.0, 90.0, 30.0, 11.0)


def test_lesions_are_named_by_size_and_keep_their_name_when_the_order_changes() -> None:
    first = dated(0, ball(SMALL, WIDE), ball(LARGE, WIDE), ball(OTHER, WIDE))
    later = dated(
        50, ball((61, 90, 30, 7), WIDE), ball((80, 41, 60, 10), WIDE), ball((30, 31, 60, 9), WIDE)
    )
    assert story(track([first, later])) == {
        "L1": ["baseline 2", "matched 3"],
        "L2": ["baseline 3", "matched 1"],
        "L3": ["baseline 1", "matched 2"],
    }


def test_a_patient_moved_on_the_table_is_followed_by_the_registration() -> None:
    by = (25.0, -5.0, 12.0)
    moved = [ball((x + by[0], y + by[1], z + by[2], r - 2), WIDE) for x, y, z, r in (LARGE, SMALL)]
    first = dated(0, ball(LARGE, WIDE), ball(SMALL, WIDE))
    later = dated(50, moved[1], moved[0], registration=shifted(WIDE, by))
    assert story(track([first, later])) == {
        "L1": ["baseline 1", "matched 2"],
        "L2": ["baseline 2", "matched 1"],
    }


def test_a_lesion_that_was_absent_comes_back_with_its_name() -> None:
    both = (ball(LARGE, WIDE), ball(SMALL, WIDE))
    tracks = track([dated(0, *both), dated(50, both[0]), dated(100, *both)])
    assert story(tracks) == {
        "L1": ["baseline 1", "matched 1", "matched 1"],
        "L2": ["baseline 2", "absent", "matched 2"],
    }


def test_a_candidate_far_from_every_lesion_is_new() -> None:
    tracks = track([dated(0, ball(LARGE, WIDE)), dated(50, ball(LARGE, WIDE), ball(SMALL, WIDE))])
    assert story(tracks) == {"L1": ["baseline 1", "matched 1"], "L2": ["new 2"]}
    seen = tracks.lesion("L2").sightings[0]
    assert seen.flags == ()
    assert tracks.lesion("L2").at(0) is None


def test_a_lesion_that_falls_apart_keeps_its_pieces() -> None:
    pieces = ball((24, 30, 60, 6), WIDE), ball((38, 30, 60, 5), WIDE)
    tracks = track([dated(0, ball(LARGE, WIDE)), dated(50, *pieces)])
    assert story(tracks) == {"L1": ["baseline 1", "split 1+2"]}


def test_a_new_lesion_beside_an_old_one_is_no_piece_of_it() -> None:
    beside = ball((58, 30, 60, 6), WIDE)  # 7 mm of tissue between the outlines
    tracks = track([dated(0, ball(LARGE, WIDE)), dated(50, ball(LARGE, WIDE), beside)])
    assert story(tracks) == {"L1": ["baseline 1", "matched 1"], "L2": ["new 2"]}


def test_lesions_that_coalesce_are_one_candidate_and_the_smaller_one_is_merged() -> None:
    a, b = (30.0, 30.0, 60.0, 12.0), (52.0, 30.0, 60.0, 8.0)
    grown = union((30, 30, 60, 13), (52, 30, 60, 10), (42, 30, 60, 8))
    tracks = track([dated(0, ball(a, WIDE), ball(b, WIDE)), dated(50, grown), dated(100, grown)])
    assert story(tracks) == {
        "L1": ["baseline 1", "matched 1", "matched 1"],
        "L2": ["baseline 2", "merged", "merged"],
    }
    assert {seen.merged_into for seen in tracks.lesion("L2").sightings[1:]} == {"L1"}


def test_merged_lesions_that_come_apart_have_their_names_again() -> None:
    a, b = (30.0, 30.0, 60.0, 12.0), (52.0, 30.0, 60.0, 8.0)
    apart = ball(a, WIDE), ball(b, WIDE)
    grown = union((30, 30, 60, 13), (52, 30, 60, 10), (42, 30, 60, 8))
    tracks = track([dated(0, *apart), dated(50, grown), dated(100, *apart)])
    assert story(tracks)["L2"] == ["baseline 2", "merged", "matched 2"]


def test_a_shrinking_lesion_beside_a_vanished_one_swallowed_nothing() -> None:
    a, b = (30.0, 30.0, 60.0, 14.0), (54.0, 30.0, 60.0, 8.0)
    tracks = track(
        [dated(0, ball(a, WIDE), ball(b, WIDE)), dated(50, ball((31, 30, 60, 10), WIDE))]
    )
    assert story(tracks) == {"L1": ["baseline 1", "matched 1"], "L2": ["baseline 2", "absent"]}


def test_a_place_outside_of_the_image_is_not_evaluable_rather_than_absent() -> None:
    upper = WIDE.crop((0, 0, 14), (60, 60, 26))  # from z = 42 mm
    first = dated(0, ball(LARGE, WIDE), ball(OTHER, WIDE))
    later = dated(50, ball(LARGE, upper), grid=upper)
    assert story(track([first, later])) == {
        "L1": ["baseline 1", "matched 1"],
        "L2": ["baseline 2", "not-evaluable"],
    }


def test_a_new_lesion_where_nothing_was_imaged_before_is_flagged() -> None:
    upper = WIDE.crop((0, 0, 14), (60, 60, 26))
    first = dated(0, ball(LARGE, upper), grid=upper)
    tracks = track([first, dated(50, ball(LARGE, WIDE), ball(OTHER, WIDE))])
    seen = tracks.lesion("L2").sightings[0]
    assert (seen.state, seen.flags) == (State.NEW, (NOT_IMAGED_BEFORE,))
    assert seen.confidence < 0.5


def test_one_candidate_half_way_between_two_lesions_is_ambiguous_for_both() -> None:
    a, b = (30.0, 30.0, 60.0, 8.0), (54.0, 30.0, 60.0, 8.0)
    between = ball((42, 30, 60, 8), WIDE)
    first = dated(0, ball(a, WIDE), ball(b, WIDE))
    tracks = track([first, dated(50, between, registration=shifted(WIDE, (0, 0, 0)))])
    assert sorted(state for (_, state) in story(tracks).values()) == ["ambiguous", "ambiguous 1"]
    sure = track([first, dated(50, ball(a, WIDE))])
    assert sure.lesion("L1").sightings[1].confidence > 0.8


def test_two_candidates_that_could_be_the_lesion_are_not_called_one_new() -> None:
    """Calling one of them new would make progression of a doubt."""
    first = dated(0, ball((42, 30, 60, 8), WIDE))
    pair = ball((24, 30, 60, 8), WIDE), ball((60, 30, 60, 8), WIDE)
    tracks = track([first, dated(50, *pair, registration=shifted(WIDE, (0, 0, 0)))])
    assert [seen.state for lesion in tracks.lesions for seen in lesion.sightings[-1:]] == [
        State.AMBIGUOUS,
        State.AMBIGUOUS,
    ]


def drawn_as(name: str, at: DatedCandidates) -> DatedCandidates:
    """The same with another name of its last candidate."""
    *others, last = at.candidates
    return replace(at, candidates=(*others, replace(last, label=name)))


@pytest.mark.parametrize("name", ["GTV-2", "Liver met", "lesion 2", "gtv-2 "])
def test_a_name_drawn_elsewhere_is_neither_gone_nor_new_without_the_reader(name: str) -> None:
    first = drawn_as(name.upper(), dated(0, ball(LARGE, WIDE), ball(SMALL, WIDE)))
    later = drawn_as(name, dated(50, ball(LARGE, WIDE), ball(OTHER, WIDE)))
    tracks = track([first, later])
    assert story(tracks) == {
        "L1": ["baseline 1", "matched 1"],
        "L2": ["baseline 2", "ambiguous"],
        "L3": ["ambiguous 2"],
    }
    assert "drawn under its name elsewhere" in tracks.lesion("L2").sightings[1].reason
    assert tracks.lesion("L3").sightings[0].reason.startswith("it has the name of L2")
    # The reader's word ends it, whichever it is.
    one = track([first, later], links=[Link("50", name, "L2")])
    assert story(one)["L2"] == ["baseline 2", "matched 2"]
    two = track([first, later], links=[Link("50", name, "L9")])
    assert story(two) == {
        "L1": ["baseline 1", "matched 1"],
        "L2": ["baseline 2", "absent"],
        "L9": ["new 2"],
    }


@pytest.mark.parametrize("name", ["2", "Segment_2", "ROI 2", "label-2", "Untitled"])
def test_names_that_programs_give_say_nothing(name: str) -> None:
    first = drawn_as(name, dated(0, ball(LARGE, WIDE), ball(SMALL, WIDE)))
    later = drawn_as(name, dated(50, ball(LARGE, WIDE), ball(OTHER, WIDE)))
    assert story(track([first, later])) == {
        "L1": ["baseline 1", "matched 1"],
        "L2": ["baseline 2", "absent"],
        "L3": ["new 2"],
    }


def test_a_name_of_two_candidates_says_nothing_and_place_comes_before_names() -> None:
    first = drawn_as("GTV", dated(0, ball(LARGE, WIDE), ball(SMALL, WIDE)))
    later = dated(50, ball(LARGE, WIDE), ball(OTHER, WIDE), ball((95, 95, 100, 6), WIDE))
    both = replace(
        later,
        candidates=(later.candidates[0], *(replace(c, label="GTV") for c in later.candidates[1:])),
    )
    assert [seen.state for seen in track([first, both]).lesion("L2").sightings] == [
        State.BASELINE,
        State.ABSENT,
    ]
    moved = dated(50, ball(LARGE, WIDE), ball(SMALL, WIDE), ball(OTHER, WIDE))
    found = track([first, drawn_as("GTV", moved)])
    assert story(found)["L2"] == ["baseline 2", "matched 2"]
    assert story(found)["L3"] == ["new 3"]


def test_a_reader_corrects_a_link() -> None:
    dates = [
        dated(0, ball(LARGE, WIDE), ball(SMALL, WIDE)),
        dated(50, ball(LARGE, WIDE), ball(SMALL, WIDE)),
    ]
    links = (Link("2024-02-20", "c1", "L2"), Link("50", "c2", "L1"))
    tracks = track(dates, links=links)
    assert story(tracks) == {"L1": ["baseline 1", "matched 2"], "L2": ["baseline 2", "matched 1"]}
    assert tracks.lesion("L1").sightings[1].reason == CONFIRMED
    assert tracks.lesion("L1").sightings[1].confidence == 1.0


def test_a_reader_can_name_a_new_lesion_and_discard_a_candidate() -> None:
    dates = [
        dated(0, ball(LARGE, WIDE)),
        dated(50, ball(LARGE, WIDE), ball(SMALL, WIDE), ball(OTHER, WIDE)),
    ]
    links = (Link("50", "c2", "liver 7"), Link("50", "c3", ""))
    tracks = track(dates, links=links)
    assert story(tracks) == {"L1": ["baseline 1", "matched 1"], "liver 7": ["new 2"]}


def test_a_lesion_keeps_its_name_when_another_is_linked_elsewhere() -> None:
    dates = [
        dated(0, ball(LARGE, WIDE)),
        dated(50, ball(LARGE, WIDE), ball(OTHER, WIDE), ball(SMALL, WIDE)),
    ]
    plain = track(dates)
    names = plain.first_candidates(dates)
    third = next(c for (day, c), name in names.items() if (day, name) == (50, "L3"))
    second = next(c for (day, c), name in names.items() if (day, name) == (50, "L2"))
    links = (Link("50", second, "L1"),)
    assert [each.id for each in track(dates, links=links).lesions][:2] == ["L1", "L2"]
    kept = track(dates, links=links, names=names)
    begins = kept.first_candidates(dates)
    assert begins[50, third] == "L3"
    assert "L2" not in begins.values() or begins[50, second] == "L2"
    assert track(dates, names=names) == plain


def test_a_reader_can_put_two_lesions_into_one_candidate() -> None:
    dates = [dated(0, ball(LARGE, WIDE), ball(SMALL, WIDE)), dated(50, ball(LARGE, WIDE))]
    links = (Link("50", "c1", "L1"), Link("50", "c1", "L2"))
    tracks = track(dates, links=links)
    assert story(tracks) == {"L1": ["baseline 1", "matched 1"], "L2": ["baseline 2", "merged"]}


def test_the_table_that_is_written_can_be_read_back(tmp_path: Path) -> None:
    dates = [
        dated(0, ball(SMALL, WIDE), ball(LARGE, WIDE)),
        dated(50, ball(LARGE, WIDE), ball(SMALL, WIDE)),
    ]
    tracks = track(dates)
    rows = link_rows(tracks, dates, "P1")
    path = tmp_path / "links.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
        table.writerow({"subject": "P2", "date": "2024-01-01", "candidate": "c9", "lesion": "L1"})
    links = read_links(path, "P1")
    assert len(links) == 4
    again = track(dates, links=links)
    assert story(again) == story(tracks)
    assert all(link.confidence == 1.0 for link in again.links())


def test_the_table_says_of_a_merged_lesion_in_which_candidate_it_is() -> None:
    near = (58.0, 30.0, 60.0, 8.0)
    grown = union((30.0, 30.0, 60.0, 17.0), (56.0, 30.0, 60.0, 12.0))
    dates = [dated(0, ball(LARGE, WIDE), ball(near, WIDE)), dated(50, grown)]
    tracks = track(dates)
    assert story(tracks) == {"L1": ["baseline 1", "matched 1"], "L2": ["baseline 2", "merged"]}
    rows = [row for row in link_rows(tracks, dates, "P1") if row["state"] == "merged"]
    assert [(row["lesion"], row["candidate"]) for row in rows] == [("L2", "c1")]
    links = [
        Link(row["date"], row["candidate"], row["lesion"]) for row in link_rows(tracks, dates, "P1")
    ]
    assert story(track(dates, links=links)) == story(tracks)


@pytest.mark.parametrize(
    ("link", "message"),
    [(Link("50", "c9", "L1"), "no such candidate"), (Link("51", "c1", "L1"), "no such date")],
)
def test_a_link_to_nothing_is_refused(link: Link, message: str) -> None:
    dates = [dated(0, ball(LARGE, WIDE)), dated(50, ball(LARGE, WIDE))]
    with pytest.raises(InputError, match=message):
        track(dates, links=[link])


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text("subject,date\nP1,2024-01-01\n")
    with pytest.raises(InputError, match="candidate, lesion"):
        read_links(path, "P1")


def test_dates_out_of_order_are_refused() -> None:
    with pytest.raises(InputError, match="rise"):
        track([dated(50, ball(LARGE, WIDE)), dated(0, ball(LARGE, WIDE))])


def test_links_say_state_confidence_and_reason() -> None:
    links = track([dated(0, ball(LARGE, WIDE)), dated(50)]).links()
    assert [(link.lesion_id, link.day, link.state, link.confidence) for link in links] == [
        ("L1", 0, "baseline", 1.0),
        ("L1", 50, "absent", 1.0),
    ]
    assert links[1].reason == "no candidate near its place"


@settings(max_examples=25)
@given(st.permutations(range(4)), st.integers(0, 2**32 - 1))
def test_the_order_of_the_candidates_does_not_matter(order: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    spots = [(30, 30, 30), (90, 30, 30), (30, 90, 90), (90, 90, 90)]
    radii = random.permutation([6.0, 8.0, 10.0, 12.0])
    first = [ball((x, y, z, r), WIDE) for (x, y, z), r in zip(spots, radii, strict=True)]
    moved = [
        ball((x + a, y + b, z + c, r * d), WIDE)
        for (x, y, z), r, (a, b, c), d in zip(
            spots, radii, random.uniform(-4, 4, (4, 3)), random.uniform(0.6, 1.3, 4), strict=True
        )
    ]
    tracks = track([dated(0, *first), dated(50, *(moved[n] for n in order))])
    assert len(tracks.lesions) == len(spots)
    for lesion in tracks.lesions:
        (was,), (now,) = (seen.candidates for seen in lesion.sightings)
        assert order[now] == was


# --- the simulated patients -----------------------------------------------------------------------


def label_map(path: Path) -> tuple[npt.NDArray[np.uint8], Grid]:
    """A NIfTI label map as array[i, j, k] on its LPS grid."""
    import nibabel as nib  # noqa: PLC0415 - only the tests on real images need it

    image = nib.load(path)
    array = np.asfortranarray(np.asarray(image.dataobj).astype(np.uint8))
    i, j, k = array.shape
    return array, Grid((i, j, k), np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine)


def true_rigid(path: Path) -> FloatArray:
    rigid = json.loads(path.read_text())["transform"]["rigid_baseline_to_followup_4x4"]
    return np.array(rigid, dtype=np.float64)


@pytest.mark.data
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("study", "follow_ups"), [("lung-abscopal", 3), ("pet-sarcoma", 2)])
def test_shuffled_labels_of_the_simulated_patients_keep_their_identity(
    data_dir: Path, study: str, follow_ups: int, seed: int
) -> None:
    """With the rigid part of the true motion; the registration itself has its own test."""
    truth = data_dir / "longitudinal" / study / "truth"
    random = np.random.default_rng(seed)
    dates: list[DatedCandidates] = []
    identity: dict[tuple[int, int], str] = {}
    for day, name in enumerate(["baseline", *(f"fu{n + 1}" for n in range(follow_ups))]):
        labels, grid = label_map(truth / f"{name}_labels.nii.gz")
        numbers = np.concatenate([[0], 1 + random.permutation(6)]).astype(np.uint8)
        found = labelled_candidates(numbers[labels], grid)
        back = {int(new): old for old, new in enumerate(numbers)}
        identity |= {(day, n): str(back[int(candidate.label)]) for n, candidate in enumerate(found)}
        registration = None
        if day:
            quality = RegistrationQuality(RegistrationMethod.RIGID, 0.5, 0.95, 1.0)
            rigid = true_rigid(truth / f"{name}.json")
            registration = Registration(dates[0].grid, grid, rigid, quality)
        dates.append(DatedCandidates(day, found, grid, registration))
    tracks = track(dates)
    for lesion in tracks.lesions:
        named = {identity[seen.day, c] for seen in lesion.sightings for c in seen.candidates}
        assert len(named) == 1, lesion
        expected = "new" if named == {"6"} else "baseline"
        assert lesion.sightings[0].state == expected
        assert {seen.state for seen in lesion.sightings[1:]} <= {State.MATCHED}
    assert sum(len(s.candidates) for t in tracks.lesions for s in t.sightings) == len(identity)


@pytest.mark.data
@pytest.mark.long
@pytest.mark.parametrize("study", ["lung-abscopal", "pet-sarcoma"])
def test_shuffled_labels_keep_their_identity_after_our_own_registration(
    data_dir: Path, study: str
) -> None:
    """From DICOM on: read, register every date to the first, track."""
    from imaging.catalogue import scan  # noqa: PLC0415 - only the tests on real images need it
    from imaging.read import read_ct  # noqa: PLC0415
    from imaging.registration import register_dates  # noqa: PLC0415

    folder = data_dir / "longitudinal" / study
    (subject,) = scan(folder).subjects
    volumes = [read_ct(visit.ct).volume for visit in subject.visits if visit.ct is not None]
    registrations = register_dates(volumes)
    random = np.random.default_rng(11)
    dates: list[DatedCandidates] = []
    identity: dict[tuple[int, int], int] = {}
    paths = sorted((folder / "truth").glob("*_labels.nii.gz"))  # baseline, fu1, fu2, ...
    for day, (path, registration) in enumerate(zip(paths, registrations, strict=True)):
        labels, grid = label_map(path)
        numbers = np.concatenate([[0], 1 + random.permutation(6)]).astype(np.uint8)
        found = labelled_candidates(numbers[labels], grid)
        back = {str(new): old for old, new in enumerate(numbers)}
        identity |= {(day, n): back[candidate.label] for n, candidate in enumerate(found)}
        dates.append(DatedCandidates(day, found, grid, registration))
    tracks = track(dates)
    assert tracks.lesions
    for lesion in tracks.lesions:
        assert (
            len({identity[seen.day, c] for seen in lesion.sightings for c in seen.candidates}) == 1
        )
        assert {seen.state for seen in lesion.sightings[1:]} <= {State.MATCHED}
        assert min(seen.confidence for seen in lesion.sightings) > 0.6
    first = {lesion.sightings[0].state for lesion in tracks.lesions if lesion.sightings[0].day}
    assert first == ({State.NEW} if study == "lung-abscopal" else set())


def looked_for(*followed: Followed, masks: tuple[Mask, ...] = (), day: int = 56) -> DatedCandidates:
    return replace(dated(day, *masks), followed=followed)


def test_a_proposal_keeps_its_lesion_wherever_it_lies() -> None:
    baseline = dated(0, ball(LARGE, WIDE), ball(SMALL, WIDE))
    # By place and size alone the two would be linked the other way round.
    crossed = looked_for(
        Followed(0, 0, 1, 0.9, "followed"),
        Followed(0, 1, 0, 0.8, "followed"),
        masks=(ball(LARGE, WIDE), ball(SMALL, WIDE)),
    )
    tracks = track([baseline, crossed])
    assert story(tracks) == {"L1": ["baseline 1", "matched 2"], "L2": ["baseline 2", "matched 1"]}
    assert [lesion.sightings[1].confidence for lesion in tracks.lesions] == [0.9, 0.8]


def test_what_was_looked_for_and_not_found_says_why() -> None:
    baseline = dated(0, ball(LARGE, WIDE), ball(SMALL, WIDE))
    later = looked_for(
        Followed(0, 0, None, 0.8, "nothing there"),
        Followed(0, 1, None, 0.4, "cannot be told", is_unclear=True),
    )
    large, small = track([baseline, later]).lesions
    assert (large.sightings[1].state, large.sightings[1].reason) == (State.ABSENT, "nothing there")
    assert small.sightings[1].state is State.AMBIGUOUS


def test_two_lesions_found_in_one_candidate_are_merged() -> None:
    baseline = dated(0, ball(LARGE, WIDE), ball(SMALL, WIDE))
    later = looked_for(
        Followed(0, 0, 0, 0.9, "followed"),
        Followed(0, 1, 0, 0.7, "followed"),
        masks=(union(LARGE, SMALL),),
    )
    large, small = track([baseline, later]).lesions
    assert large.sightings[1].state is State.MATCHED
    assert (small.sightings[1].state, small.sightings[1].merged_into) == (State.MERGED, "L1")


def test_a_readers_link_comes_before_a_proposal() -> None:
    baseline = dated(0, ball(LARGE, WIDE), ball(SMALL, WIDE))
    later = looked_for(
        Followed(0, 0, 0, 0.9, "followed"), masks=(ball(LARGE, WIDE), ball(SMALL, WIDE))
    )
    tracks = track([baseline, later], links=[Link("56", "c1", "L2"), Link("56", "c2", "L1")])
    assert tracks.lesion("L2").sightings[1].reason == CONFIRMED
    assert tracks.lesion("L1").sightings[1].candidates == (1,)
