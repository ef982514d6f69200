"""What a reader says of a patient: five small tables that say back what was said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from imaging.masks import read_label_map
from imaging.volume import Grid, Mask
from recist.course import Axis, Measurement, Status
from recist.measure.diameters import recorded
from recist.patient.corrections import (
    NOTHING_SAID,
    CheckedDate,
    CorrectedMeasurement,
    Corrections,
    DrawnLesion,
    read_corrections,
    write_corrections,
)
from recist.patient.corrections.correction_tables import FILE_NAMES, corrections_in
from recist.patient.corrections.drawn import WaistPart
from recist.patient.corrections.laid_out import ProposedPart, ProposedRow
from recist.patient.overrides import Override
from recist.review.reading.entries import caliper_of
from recist.tracking import Link

MAY = dt.date(2024, 5, 6)
LINE = Axis((-12.5, 3.0, 100.25), (1.5, 3.0, 100.25))

words = st.text("abcdef =-+@,;\"' é0123", max_size=12).map(str.strip)
names = st.from_regex(r"[A-Z][a-z0-9 -]{0,6}[a-z0-9]", fullmatch=True)
lengths = st.decimals("0.1", "200", places=1)
numbers = st.floats(-900, 900).map(lambda x: round(x, 4))
axes = st.builds(Axis, st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers))
days = st.dates(dt.date(2000, 1, 1), dt.date(2040, 1, 1))
times = st.sampled_from(["", "2024-05-06T14:30:00+02:00"])


@st.composite
def measured(draw: st.DrawFn) -> CorrectedMeasurement:
    said = dict(
        zip(("reason", "reader", "recorded_at"), draw(st.tuples(words, words, times)), strict=True)
    )
    place = draw(names), draw(days)
    if draw(st.booleans()):
        status = draw(st.sampled_from([s for s in Status if s is not Status.MEASURED]))
        into = draw(names) if status is Status.MERGED else None
        return CorrectedMeasurement(*place, status, merged_into=into, **said)
    parts = tuple(draw(st.lists(lengths, min_size=1, max_size=3)))
    status = draw(st.sampled_from([None, Status.MEASURED]))
    drawn = draw(st.none() | axes), draw(st.none() | axes)
    return CorrectedMeasurement(*place, status, parts, None, None, *drawn, **said)


@st.composite
def said_of_a_patient(draw: st.DrawFn) -> Corrections:
    def each_once(strategy: st.SearchStrategy, key) -> tuple:  # type: ignore[type-arg, no-untyped-def]
        return tuple(draw(st.lists(strategy, max_size=3, unique_by=key)))

    return Corrections(
        each_once(st.builds(Override, names, organ=names, reader=words), lambda o: o.lesion),
        each_once(st.builds(Link, st.just("2024-05-06"), names, words, words, words, times), str),
        each_once(measured(), lambda m: (m.lesion, m.date)),
        tuple(sorted(each_once(st.builds(CheckedDate, days, words, words, times), lambda c: c.date),
                     key=lambda c: c.date)),
    )  # fmt: skip


@given(said=said_of_a_patient())
def test_what_is_written_is_read_back(
    said: Corrections, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("corrections")
    write_corrections(folder, "P1", said, lesions=["L1"], dates=[MAY])
    found = corrections_in(folder, "P1")
    assert found.links == said.links and found.dates == said.dates
    assert set(found.measurements) == set(said.measurements)
    assert set(found.overrides) == set(said.overrides)
    assert corrections_in(folder, "P2") == NOTHING_SAID


def test_a_table_laid_out_for_the_reader_says_nothing_until_it_is_filled_in(
    tmp_path: Path,
) -> None:
    proposals = [ProposedRow("L1", MAY, "17.1 mm"), ProposedRow("L2", MAY, "absent")]
    write_corrections(
        tmp_path, "P1", NOTHING_SAID, lesions=["L1", "L2"], proposals=proposals, dates=[MAY]
    )
    assert {path.name for path in tmp_path.iterdir()} == set(FILE_NAMES.values())
    assert corrections_in(tmp_path, "P1") == NOTHING_SAID
    table = tmp_path / "measurements.csv"
    lines = table.read_text().splitlines()
    assert lines[1] == "P1,2024-05-06,L1,,,,,,,,,,,17.1 mm"
    table.write_text("\n".join([lines[0], lines[1].replace("L1,,", "L1,,14.0"), lines[2]]))
    (found,) = corrections_in(tmp_path, "P1").measurements
    assert found == CorrectedMeasurement("L1", MAY, parts_mm=(Decimal("14.0"),))
    assert str(found.parts_mm[0]) == "14.0"


def test_what_was_drawn_keeps_its_outline_beside_the_table(tmp_path: Path) -> None:
    grid = Grid((6, 5, 4), np.diag([0.8, 0.8, 2.0, 1.0]), "1.2.3")
    mask = Mask(np.ones((2, 1, 1), dtype=np.bool_), (1, 2, 3), grid)
    line = ((0.0, 1.0, 2.0), (3.5, 1.0, 2.0))
    drawn = (
        DrawnLesion("L/9", MAY, (), mask, "liver", False, reader="AB"),
        DrawnLesion("L2", MAY, line),
    )
    write_corrections(tmp_path, "P1", Corrections(drawn=drawn))
    first, second = corrections_in(tmp_path, "P1").drawn
    assert isinstance(first.outline, Path)
    read = read_label_map(first.outline, grid)
    assert (read == mask.full()).all()
    assert (first.lesion, first.organ, first.is_node, first.reader) == ("L/9", "liver", False, "AB")
    assert (second.points_mm, second.outline, second.line) == (line, None, Axis(*line))
    elsewhere = tmp_path / "elsewhere"
    write_corrections(elsewhere, "P1", Corrections(drawn=(first, second)))
    again = corrections_in(elsewhere, "P1").drawn[0]
    assert isinstance(again.outline, Path) and again.outline.is_relative_to(elsewhere)


def test_a_part_that_is_proposed_is_taken_by_its_name(tmp_path: Path) -> None:
    parts = [
        ProposedPart(MAY, WaistPart("L 3", 1), "22.1"),
        ProposedPart(MAY, WaistPart("L 3", 2), "18.0"),
    ]
    write_corrections(tmp_path, "P1", NOTHING_SAID, parts=parts)
    assert corrections_in(tmp_path, "P1") == NOTHING_SAID
    table = tmp_path / "drawn.csv"
    lines = table.read_text().splitlines()
    assert lines[1:] == [
        "P1,2024-05-06,L 3,,,,,,,,L 3 part 1 (22.1 mm)",
        "P1,2024-05-06,,,,,,,,,L 3 part 2 (18.0 mm)",
    ]
    lines[1] = lines[1].replace("L 3,,,", "L 3,,L 3 part 1,")
    lines[2] = lines[2].replace(",,,,", ",L4,,L 3 part 2 (18.0 mm),", 1)
    table.write_text("\n".join(lines))
    first, second = corrections_in(tmp_path, "P1").drawn
    assert (first.lesion, first.outline) == ("L 3", WaistPart("L 3", 1))
    assert (second.lesion, second.outline) == ("L4", WaistPart("L 3", 2))
    again = tmp_path / "again"
    write_corrections(again, "P1", Corrections(drawn=(first, second)))
    assert [each.outline for each in corrections_in(again, "P1").drawn] == [
        first.outline,
        second.outline,
    ]


def test_a_table_of_a_run_may_be_edited_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "measurements.csv"
    path.write_text(
        "subject,date,lesion,role,organ,nodal,status,diameter_mm,merged_into,field,volume_ml,part\n"
        "P1,2024-05-06,L1,target,liver,no,measured,14.0,,out,1.2,\n"
        "P1,2024-05-06,L2,target,liver,no,measured,9,,out,1.2,1\n"
        "P1,2024-05-06,L2,target,liver,no,measured,8.5,,out,1.2,2\n"
        "P1,2024-07-01,,,,,,,,,,\n"
        "P2,2024-05-06,L1,target,lung,no,absent,,,out,,\n"
    )
    found = read_corrections(measurements=path)
    assert [each.parts_mm for each in found["P1"].measurements] == [
        (Decimal("14.0"),),
        (Decimal("9"), Decimal("8.5")),
    ]
    assert found["P2"].measurements[0].status is Status.ABSENT
    whole = found["P1"].measurements[0]
    machine = Measurement("L1", Status.MEASURED, (Decimal("14.0"),))
    assert whole.repeats(machine)
    assert not whole.repeats(Measurement("L1", Status.MEASURED, (Decimal("17.1"),)))
    assert not whole.repeats(Measurement("L1", Status.ABSENT))


@pytest.mark.parametrize(
    ("is_node", "given", "counts"),
    [
        (False, {"parts_mm": (Decimal("14.0"),)}, "14.0"),
        (True, {"parts_mm": (Decimal("14.0"),)}, "14.0"),
        (False, {"long_axis_mm": Decimal(20), "short_axis_mm": Decimal(11)}, "20"),
        (True, {"long_axis_mm": Decimal(20), "short_axis_mm": Decimal(11)}, "11"),
        (False, {"long_axis": LINE}, "14.0"),
        (False, {"long_axis": LINE, "long_axis_mm": Decimal("13.8")}, "13.8"),
    ],
)
def test_the_diameter_that_counts_is_the_one_of_its_kind(
    is_node: bool, given: Mapping[str, object], counts: str
) -> None:
    said = CorrectedMeasurement("L1", MAY, **given)  # type: ignore[arg-type]
    assert [str(size) for size in said.sizes_mm(is_node)] == [counts]


def test_a_node_whose_short_axis_is_not_given_is_refused() -> None:
    with pytest.raises(InputError, match="a node is measured by its short axis"):
        CorrectedMeasurement("L1", MAY, long_axis=LINE).sizes_mm(is_node=True)


HEADER = "subject,date,lesion,status,diameter_mm,long_axis_mm,short_axis_mm,long_axis,merged_into"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("P1,2024-05-06,L1,absent,14.0,,,,", "row 2: status absent with a diameter"),
        ("P1,2024-05-06,L1,measured,,,,,", "row 2: status measured without a diameter"),
        ("P1,2024-05-06,L1,mesured,14,,,,", "did you mean 'measured'"),
        ("P1,2024-05-06,L1,,14mm,,,,", "diameter_mm '14mm' is not a number"),
        ("P1,2024-05-06,L1,,-3,,,,", "a diameter of -3 mm"),
        ("P1,06.05.2024,L1,,14,,,,", "write YYYY-MM-DD"),
        ("P1,2024-05-06,L1,,,9,12,,", "the long axis is the longer one"),
        ("P1,2024-05-06,L1,,,,,1 2 3,", "write both ends"),
        ("P1,2024-05-06,L1,,,,,1 2 x 3 4 5,", "blanks between"),
        ("P1,2024-05-06,L1,merged,,,,,", "a merged lesion names the lesion that holds it"),
        (",2024-05-06,L1,,14,,,,", "row 2: a row without a subject"),
        ("P1,2024-05-06,L1,,14,,,,\nP1,2024-05-06,L1,absent,,,,,", "said twice"),
    ],
)
def test_a_slip_in_a_measurement_is_named_with_its_place(
    tmp_path: Path, row: str, told: str
) -> None:
    path = tmp_path / "m.csv"
    path.write_text(f"{HEADER}\n{row}\n")
    with pytest.raises(InputError) as refused:
        read_corrections(measurements=path)
    assert told in str(refused.value)


def test_a_column_that_no_table_has_is_refused_as_a_slip(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("subject,date,lesion,diametre_mm\nP1,2024-05-06,L1,14\n")
    with pytest.raises(InputError, match="did you mean 'diameter_mm'"):
        read_corrections(measurements=path)


def test_nothing_can_be_said_twice() -> None:
    with pytest.raises(InputError, match="L1 is overridden twice"):
        Corrections(overrides=(Override("L1"), Override("L1", organ="liver")))
    with pytest.raises(InputError, match="L1 on 2024-05-06 is measured twice"):
        Corrections(measurements=(CorrectedMeasurement("L1", MAY, Status.ABSENT),) * 2)


def test_a_line_is_as_long_here_as_in_the_reading_room_and_on_the_mask() -> None:
    """Halves of a tenth go up, whoever reads the line."""
    line = Axis((0.0, 0.0, 0.0), (17.25, 0.0, 0.0))
    said = CorrectedMeasurement("L1", MAY, long_axis=line, reader="Ann")
    ends = [list(line.start_mm), list(line.end_mm)]
    drawn = caliper_of({"long": ends})
    assert drawn is not None
    assert said.axes_mm[0] == drawn.long_axis_mm == recorded(line.length_mm) == Decimal("17.3")
