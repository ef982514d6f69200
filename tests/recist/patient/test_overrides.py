"""The reader's choices: a small table in which every slip is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.errors import InputError
from recist.course import Field, Role
from recist.patient.overrides import Override, read_overrides


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "choices.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_each_cell_says_one_thing_and_an_empty_one_nothing(tmp_path: Path) -> None:
    text = (
        "subject,lesion,role,organ,nodal,field,new,reason,reader\r\n"
        "P1,L1,target,liver,no,in,,seen on MRI,AB\r\n"
        "P1, L2 ,not-a-lesion,,,,,,\r\n"
        "\r\n"
        "P2,L1,,,yes,low-dose,confirmed,,\r\n"
        "P2,L2,,,,,refused,,\r\n"
        "P2,L3\r\n"
    )
    assert read_overrides(table(tmp_path, text, "utf-8-sig")) == {
        "P1": {
            "L1": Override(
                "L1", Role.TARGET, False, "liver", False, Field.IN, None, "seen on MRI", "AB"
            ),
            "L2": Override("L2", dropped=True),
        },
        "P2": {
            "L1": Override("L1", is_node=True, field=Field.LOW_DOSE, confirmed=True),
            "L2": Override("L2", dropped=True, confirmed=False),
            "L3": Override("L3"),
        },
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the table is empty"),
        ("subject,role\nP1,target\n", "column 'lesion' is missing"),
        ("subject,lesion,orgn\nP1,L1,liver\n", "did you mean 'organ'"),
        ("subject,lesion,role\nP1,L1,targt\n", "row 2: role = 'targt'"),
        ("subject,lesion,role\nP1,L1,new\n", "one of target, non-target, not-a-lesion"),
        ("subject,lesion,nodal\nP1,L1,maybe\n", "one of yes, no"),
        ("subject,lesion,field\nP1,L1,unknown\n", "one of in, partial, low-dose, out"),
        ("subject,lesion\nP1,L1\nP1,L1\n", "row 3: lesion L1 is named twice"),
        ("subject,lesion\n,L1\n", "row 2: a row without subject or lesion"),
    ],
)
def test_a_slip_is_named_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        read_overrides(table(tmp_path, text))
    assert told in str(refused.value)


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_table_as_spreadsheets_save_it_is_read(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    text = "Subject,lesion,organ\nP1,L1,Lebermetastase groß\n".replace(",", delimiter)
    found = read_overrides(table(tmp_path, text, encoding))
    assert found["P1"]["L1"].organ == "Lebermetastase groß"
