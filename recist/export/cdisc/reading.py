"""TU and TR back as a measurement table, which every command reads.

Whole lesions, their parts and merged lesions come back as they were written; of datasets of others
the tests that RECIST 1.1 uses are read, and what is left out is said.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imaging.errors import InputError
from recist.course import Role, Status
from recist.export.cdisc import trial_dataset
from recist.export.cdisc.evaluators import INVESTIGATOR
from recist.export.cdisc.subjects import day_of, subject_of
from recist.export.cdisc.trial_dataset import DatasetFormat
from recist.export.cdisc.tumours import (
    MEASURES,
    MERGED,
    NEW_STATE,
    NODE,
    PART,
    ROLES,
    STATES,
    TOO_SMALL,
)
from recist.export.cdisc.variables import NOT_DONE

Row = Mapping[str, str]

_ROLE = {word: role for role, word in ROLES.items()}
_STATUS = {word: status for status, word in STATES.items()}
_MEASURE = {code: attribute for attribute, code, _ in MEASURES}
#: The variables that are read.
TU_READ = (
    *("STUDYID", "USUBJID", "TUSEQ", "TULNKID", "TUTESTCD"),
    *("TUORRES", "TUSTRESC", "TULOC", "TUEVALID"),
)
TR_READ = (
    *("STUDYID", "USUBJID", "TRLNKID", "TRTESTCD", "TRORRES", "TRSTRESC", "TRSTAT", "TREVALID"),
    *("VISIT", "TRDTC", "TRDY"),
)
SUPP_READ = ("USUBJID", "IDVARVAL", "QNAM", "QVAL")
#: Qualifier -> column of the measurement table.
_QUALIFIER = {"IRRFIELD": "field", "TRKUID": "tracking_uid"}
#: The diameter of a lesion, in the order in which it is looked for; a study of others may name
#: the one that it sums.
_DIAMETER = "DIAMETER"


@dataclass(slots=True)
class _LesionRows:
    """All rows of a lesion at a visit."""

    parts: dict[str, str] = field(default_factory=dict)
    state: str = ""
    too_small: bool = False
    not_done: bool = False
    visit: str = ""
    measures: dict[str, str] = field(default_factory=dict)


def measurement_rows(folder: Path) -> tuple[list[dict[str, str]], list[str]]:
    """The rows of a measurement table from the files ``tu`` and ``tr`` of a folder.

    Returns:
        The rows, and a line for each kind of row that was left out or contradicts itself.

    Raises:
        InputError: one of the two is missing or cannot be read.
    """
    return rows_of(
        _rows(folder, "tu", TU_READ),
        _rows(folder, "tr", TR_READ),
        _rows(folder, "supptu", SUPP_READ, needed=False),
    )


def rows_of(
    identifications: Sequence[Row], results: Sequence[Row], qualifiers: Sequence[Row] = ()
) -> tuple[list[dict[str, str]], list[str]]:
    """The same from the rows of TU, of TR and of SUPPTU."""
    more: dict[tuple[str, str], dict[str, str]] = {}
    for row in qualifiers:
        name = _QUALIFIER.get(row.get("QNAM", ""))
        if name:
            of_row = (row.get("USUBJID", ""), row.get("IDVARVAL", ""))
            more.setdefault(of_row, {})[name] = row.get("QVAL", "")
    identifications = [
        {**row, **more.get((row.get("USUBJID", ""), row.get("TUSEQ", "")), {})}
        for row in identifications
    ]
    lesions = {
        _lesion_key(row, "TU"): row
        for row in identifications
        if row.get("TUTESTCD", "TUMIDENT") in ("TUMIDENT", "TUSPLIT", "TUMERGE", "LESIDENT", "")
    }
    left_out: Counter[str] = Counter()
    seen: dict[tuple[str, str, str, str], _LesionRows] = {}
    own_diameter = any(row.get("TRTESTCD") == _DIAMETER for row in results)
    zero = _zero(results)
    for row in results:
        key = _lesion_key(row, "TR")
        code = row.get("TRTESTCD", "")
        if not key[-1] or code == "SUMDIAM":
            continue  # a sum is computed anew
        place = lesions.get(key)
        if place is None:
            left_out[f"TR rows of lesions that TU does not have ({key[-1]} ...)"] += 1
            continue
        when = _when(row, zero)
        if not when:
            left_out["TR rows without a date"] += 1
            continue
        whole, part = _name(key[-1])
        one = seen.setdefault(
            (key[0], key[1], when, whole), _LesionRows(visit=row.get("VISIT", ""))
        )
        if not _read(row, one, part, own_diameter=own_diameter, is_node=_is_node(place)):
            left_out[f"TR rows of the test {code}"] += 1
    rows: list[dict[str, str]] = []
    prefixes = _prefixes(lesions)
    several = len({reader for _, reader, _ in lesions}) > 1
    for (subject, reader, when, name), one in seen.items():
        first = name.split(MERGED)[0]
        place = lesions.get((subject, reader, first)) or lesions[subject, reader, name]
        prefix = prefixes.get(reader, "")
        who = reader or (INVESTIGATOR if several else "")
        rows += _lines(place, (subject, who, when, name), one, prefix)
    lines = [f"{count} {what} were left out" for what, count in left_out.items()]
    if odd := sum(_contradicts(row, zero) for row in results):
        lines.append(f"{odd} TR rows have a date that is not their study day: the date counts")
    return rows, lines


def _rows(
    folder: Path, name: str, variables: Sequence[str], *, needed: bool = True
) -> list[dict[str, str]]:
    for form in DatasetFormat:
        path = folder / f"{name}.{form}"
        if path.is_file():
            rows = trial_dataset.read(path, variables)
            return [{column: cell.strip() for column, cell in row.items()} for row in rows]
    if not needed:
        return []
    raise InputError(f"no {name}.csv, {name}.xpt or {name}.json", where=folder)


def _lesion_key(row: Row, prefix: str) -> tuple[str, str, str]:
    """Subject, reader, lesion."""
    study = row.get("STUDYID", "")
    reader = row.get(f"{prefix}EVALID", "")
    return subject_of(study, row.get("USUBJID", "")), reader, row.get(f"{prefix}LNKID", "")


def _zero(results: Sequence[Row]) -> dict[str, int]:
    """The reference start of each subject, from a row that has both date and study day."""
    found: dict[str, int] = {}
    for row in results:
        date, day = row.get("TRDTC", ""), row.get("TRDY", "")
        if len(date) >= len("2024-01-01") and day:
            number = dt.date.fromisoformat(date[:10]).toordinal()
            found.setdefault(row.get("USUBJID", ""), number - day_of(int(float(day))))
    return found


def _when(row: Row, zero: Mapping[str, int]) -> str:
    """The date of a row; from its study day where the date is partial or missing."""
    date, day = row.get("TRDTC", ""), row.get("TRDY", "")
    if len(date) >= len("2024-01-01"):
        return date[:10]
    start = zero.get(row.get("USUBJID", ""))
    if day and start is not None:
        return dt.date.fromordinal(start + day_of(int(float(day)))).isoformat()
    if day and not date:
        return str(day_of(int(float(day))))
    return ""


def _contradicts(row: Row, zero: Mapping[str, int]) -> bool:
    """Whether the date of a row is another day than its study day."""
    date, day = row.get("TRDTC", ""), row.get("TRDY", "")
    start = zero.get(row.get("USUBJID", ""))
    if start is None or not day or len(date) < len("2024-01-01"):
        return False
    return dt.date.fromisoformat(date[:10]).toordinal() != start + day_of(int(float(day)))


def _name(link: str) -> tuple[str, str]:
    """The lesion and the number of its part."""
    name, dot, number = link.rpartition(PART)
    return (name, number) if dot and name and number.isdigit() else (link, "")


def _is_node(place: Row) -> bool:
    return NODE in place.get("TULOC", "").upper()


def _read(row: Row, one: _LesionRows, part: str, *, own_diameter: bool, is_node: bool) -> bool:
    """Take up a row; False for a test that is not used."""
    code, result = row.get("TRTESTCD", ""), row.get("TRSTRESC", "") or row.get("TRORRES", "")
    wanted = (_DIAMETER,) if own_diameter else (("LPERP",) if is_node else ("LDIAM",))
    if row.get("TRSTAT") == NOT_DONE:
        one.not_done = True
        return True
    if code == "TUMSTATE":
        one.state = result
    elif code in wanted:
        if row.get("TRORRES", "").upper() == TOO_SMALL:
            one.too_small = True
        elif result:
            one.parts[part] = result
    elif code in _MEASURE:
        one.measures[_MEASURE[code]] = result
    else:
        # The other diameter and the state of a node follow from what is read.
        return code in ("LDIAM", "LPERP", "LNSTATE")
    return True


def _prefixes(lesions: Mapping[tuple[str, str, str], Row]) -> dict[str, str]:
    """Reader -> what stands before all of the reader's lesions where there are several readers."""
    names: dict[str, list[str]] = {}
    for _, reader, link in lesions:
        names.setdefault(reader, []).append(link)
    found = {}
    for reader, links in names.items():
        heads = {link.partition("-")[0] for link in links if "-" in link}
        head = next(iter(heads)) if len(heads) == 1 else ""
        if len(names) > 1 and head[:1] == "R" and head[1:].isdigit():
            found[reader] = f"{head}-" if all(k.startswith(f"{head}-") for k in links) else ""
    return found


def _lines(
    place: Row, key: tuple[str, str, str, str], one: _LesionRows, prefix: str
) -> list[dict[str, str]]:
    """The rows of a lesion at a visit: one, or one for each part."""
    subject, reader, when, name = key
    role = _ROLE.get(place.get("TUSTRESC", "") or place.get("TUORRES", ""), Role.NON_TARGET)
    holder, *merged = (each.removeprefix(prefix) for each in name.split(MERGED))
    common = {
        "subject": subject,
        ("date" if "-" in when[1:] else "day"): when,
        "role": str(role),
        "organ": _organ(place),
        "nodal": "yes" if _is_node(place) else "no",
        "reader": reader,
        "visit": one.visit.lower(),
        "field": place.get("field", ""),
        "tracking_uid": place.get("tracking_uid", ""),
    }
    status = _status(one, role)
    rows = []
    parts = sorted(one.parts.items()) if status is Status.MEASURED else [("", "")]
    for number, diameter in parts:
        row = common | {"lesion": holder, "status": str(status), "diameter_mm": diameter}
        if number:
            row["part"] = number
        if number in ("", "1"):
            row |= one.measures
        rows.append(row)
    rows += [
        common | {"lesion": each, "status": str(Status.MERGED), "merged_into": holder}
        for each in merged
    ]
    return rows


def _status(one: _LesionRows, role: Role) -> Status:
    if one.too_small:
        return Status.TOO_SMALL
    if one.state == STATES[Status.ABSENT]:
        return Status.ABSENT
    if one.parts:
        return Status.MEASURED
    if one.state == NEW_STATE and role is Role.NEW:
        return Status.PRESENT
    return _STATUS.get(one.state, Status.NOT_EVALUABLE)


def _organ(place: Row) -> str:
    """The organ as it was, where it is one of ours; a node's station follows its kind."""
    organ = place.get("TULOC", "")
    if organ.startswith(f"{NODE}, "):
        organ = organ.removeprefix(f"{NODE}, ")
    return organ.lower()
