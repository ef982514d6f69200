"""A tree of DICOM files without the persons, searched for what may have been left behind."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset

from imaging.dataset import NotDicomError, read_dataset, read_object, understood
from imaging.deidentification.cleaning import clean, shifted, shows_the_person
from imaging.deidentification.key import Alias, Key
from imaging.deidentification.person import PersonTraces
from imaging.deidentification.profile import table
from imaging.errors import InputError
from imaging.series import Problem
from imaging.tables.cells import inert
from imaging.tree import holds_results, relative, walk
from imaging.writing import write_text, written_whole

_SUBJECT = "subject"


#: More files than this that were left out for one reason share a line.
NAMED_ONE_BY_ONE = 3


@dataclass(slots=True)
class Deidentified:
    """What came of a tree.

    Attributes:
        written: files that were written; ``tables`` the tables among them.
        left_out: file and reason of each that was not passed on.
        passed_over: files that are no DICOM.
    """

    written: list[Path] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    passed_over: int = 0

    def reasons(self) -> Iterator[str]:
        """A line for each file that was left out; many for one reason share one."""
        places: dict[str, list[str]] = defaultdict(list)
        for place, why in self.left_out:
            places[why].append(place)
        for why, named in places.items():
            shown = ", ".join(named[:NAMED_ONE_BY_ONE])
            more = len(named) - NAMED_ONE_BY_ONE
            yield f"{shown}{f' and {more} more' if more > 0 else ''}: {why}"


def deidentify(
    root: Path,
    out: Path,
    key_file: Path,
    *,
    tables: Sequence[Path] = (),
    prefix: str = "P",
    on_file: Callable[[int], None] = lambda _: None,
) -> Deidentified:
    """Write every DICOM object under ``root`` without its person, one folder per pseudonym.

    Results of a run are passed over, and said so, unless ``root`` holds them itself.

    Args:
        key_file: is written, or read and added to where it exists; not within ``out``.
        tables: CSV tables with a column ``subject``; their ISO dates are shifted alike.
        prefix: of the pseudonyms.
        on_file: called with the number of files done so far.

    Raises:
        InputError: a key within ``out``, no DICOM object at all, a table without subjects, or a
            place that cannot be written.
    """
    if out.resolve() in (key_file.resolve(), *key_file.resolve().parents):
        raise InputError("the key lies within the data", where=key_file, remedy="keep it apart")
    if out.exists() and any(out.iterdir()):
        raise InputError("the folder is not empty", where=out, remedy="give a new one with -o")
    table()  # the library is there before anything is read
    done = Deidentified()
    places, persons = _headers(root, done)
    if not places:
        raise InputError("no DICOM object", where=root)
    key = Key.read(key_file) if key_file.exists() else Key.new()
    dates = {subject: _ordinals(person.dates) for subject, person in persons.items()}
    key = key.with_subjects(persons, prefix, dates)
    key.write(key_file)
    aliases = key.by_subject()
    for number, (path, subject) in enumerate(places, start=1):
        on_file(number)
        try:
            place, data = _cleaned(path, aliases[subject], key, persons[subject])
            with written_whole(out / place) as file:
                file.write(data)
            done.written.append(out / place)
        except InputError as error:
            done.left_out.append((relative(path, root), error.what))
    for path in tables:
        done.tables.append(_table(path, aliases, out))
    return done


def _headers(
    root: Path, done: Deidentified
) -> tuple[list[tuple[Path, str]], dict[str, PersonTraces]]:
    """Each object with its subject, and what names each subject in all of its files."""
    places: list[tuple[Path, str]] = []
    persons: dict[str, PersonTraces] = defaultdict(PersonTraces)
    problems: list[Problem] = []
    # Results among studies are left where they are: a run would take their SEG for drawn lesions.
    asked = root.is_dir() and holds_results(str(root), {each.name for each in root.iterdir()})
    for name in walk(root, problems, results=asked):
        path = Path(name)
        try:
            header = read_dataset(path)
        except NotDicomError:
            done.passed_over += 1
            continue
        except (InputError, OSError) as error:
            what = error.what if isinstance(error, InputError) else str(error.strerror)
            done.left_out.append((relative(path, root), what))
            continue
        subject = str(header.get("PatientID", "") or "")
        with understood(path, "DICOM"):
            persons[subject].learn(header)
        places.append((path, subject))
    done.left_out += [(each.where, each.what) for each in problems]
    return places, persons


def _cleaned(path: Path, alias: Alias, key: Key, person: PersonTraces) -> tuple[Path, bytes]:
    """Where the object goes within the folder, and its bytes."""
    dataset = read_object(path)
    if why := shows_the_person(dataset):
        raise InputError(f"{why}: look at it, and pass it on yourself")
    with understood(path, "DICOM"):
        clean(dataset, alias, key, person)
        data = _bytes(dataset)
    if left := list(person.left_in(data)):
        raise InputError(f"something of the person would stay in it ({len(left)} places)")
    series = str(dataset.get("SeriesInstanceUID", ""))[-12:]
    kind = "".join(c for c in str(dataset.get("Modality", "OT")) if c.isalnum())
    name = f"{str(dataset.SOPInstanceUID)[-16:]}.dcm"
    return Path(alias.pseudonym) / f"{kind}-{series}" / name, data


def _bytes(dataset: Dataset) -> bytes:
    meta = dataset.file_meta
    syntax = meta.TransferSyntaxUID
    for keyword in list(meta.dir()):
        delattr(meta, keyword)
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _ordinals(dates: Iterable[str]) -> set[int]:
    found = set()
    for date in dates:
        try:
            found.add(dt.datetime.strptime(date, "%Y%m%d").toordinal())
        except ValueError:
            continue  # no date: it is emptied
    return found


def _table(path: Path, aliases: Mapping[str, Alias], out: Path) -> Path:
    """A table of the same subjects: pseudonyms for subjects, and every ISO date shifted."""
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read: {type(error).__name__}", where=path) from error
    header = [name.strip().lower() for name in lines[0]] if lines else []
    if _SUBJECT not in header:
        raise InputError(f"no column {_SUBJECT}", where=path)
    at = header.index(_SUBJECT)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(lines[0])
    for number, line in enumerate(lines[1:], start=2):
        if not any(line):
            continue
        alias = aliases.get(line[at].strip() if at < len(line) else "")
        if alias is None:
            raise InputError("a subject without images", where=f"{path.name}, row {number}")
        cells = [_shifted_cell(cell, alias.shift_days) for cell in line]
        cells[at] = alias.pseudonym
        writer.writerow([inert(cell) for cell in cells])
    return write_text(out / path.name, text.getvalue())


def _shifted_cell(cell: str, days: int) -> str:
    try:
        date = dt.date.fromisoformat(cell.strip())
    except ValueError:
        return cell
    moved = shifted(f"{date:%Y%m%d}", days)
    return dt.datetime.strptime(moved, "%Y%m%d").date().isoformat()
