"""``recist pull``: the dates of patients out of an archive into a folder.

A file takes its place when it is whole; what lies there is not fetched again, so a pull that was
killed goes on where it was.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.dataset import READ_ERRORS
from imaging.errors import InputError
from imaging.header import Tag, read_header
from imaging.tables.columns import Columns
from imaging.tables.source import small_rows
from imaging.writing import WriteError, written_whole
from recist.pacs.archive import ArchiveConnection, BrokenError, Instance, RefusedError, Wanted
from recist.pacs.ledger import InstanceState, Ledger
from recist.pacs.patience import Patience
from recist.patient.result_folder import folder_name

REPORT = "pull.csv"
_WORK_LIST = Columns(("subject",), ("study", "from", "to", "modalities"), is_dated=False)
#: What is said of an instance that was left when a transfer was stopped.
NOT_TRIED = "not fetched"
#: A UID: what names a file must not lead anywhere.
_UID_CHARACTERS = frozenset("0123456789.")


@dataclass(frozen=True, slots=True)
class Transferred:
    """What came of a transfer.

    Attributes:
        failures: SOP Instance UID, or what else failed, with the reason.
        stopped: why the rest was not tried, "" when all was.
    """

    done: int
    already: int
    failures: dict[str, str]
    would: int = 0
    stopped: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0: all there; 1: some of it failed and is named; 2: nothing came of it."""
        if not self.failures and not self.stopped:
            return 0
        return 1 if self.done or self.already else 2


def read_work_list(path: Path) -> list[Wanted]:
    """The patients of a table: subject, and any of study, from, to, modalities.

    Raises:
        InputError: a column or a date that cannot be read.
    """
    found = []
    for number, row in small_rows(path, _WORK_LIST, others=False):
        where = f"{path.name} row {number}"
        dates = []
        for name in ("from", "to"):
            text = row.get(name, "")
            try:
                dates.append(dt.date.fromisoformat(text) if text else None)
            except ValueError:
                raise InputError(f"{name} {text!r}", where=where, remedy="2024-03-04") from None
        words = row.get("modalities", "").replace(",", " ").split()
        try:
            found.append(
                Wanted(row["subject"], row.get("study", ""), dates[0], dates[1], tuple(words))
            )
        except InputError as error:
            raise InputError(error.what, where=where, remedy=error.remedy) from error
    return found


def pull(
    archive: ArchiveConnection,
    remote: str,
    wanted: Sequence[Wanted],
    folder: Path,
    *,
    patience: Patience,
    report: Path | None = None,
    dry_run: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Transferred:
    """Fetch what is not there yet.

    Args:
        remote: the archive's name in the report.
        report: the account of every instance; ``folder/pull.csv`` by default.

    Raises:
        InputError: the archive refuses, cannot be reached, or there is no room.
    """
    instances: list[Instance] = []
    remarks = []
    for each in wanted:
        found = _found(archive, each, patience)
        if not found:
            remarks.append(f"{each.patient_id}: the archive has nothing of what is asked for")
        instances += found
    unique = list({each.sop_instance_uid: each for each in instances}.values())
    missing = [each for each in unique if not _is_there(_place(folder, each))]
    already = len(unique) - len(missing)
    if dry_run:
        return Transferred(0, already, {}, len(missing), remarks=tuple(remarks))
    stopped = ""
    with Ledger(report or folder / REPORT, remote) as ledger:
        on_progress(already, len(unique))
        try:
            for series in _by_series(missing):
                _fetch_series(archive, series, folder, ledger, patience)
                on_progress(already + sum(ledger.counts.values()), len(unique))
        except (RefusedError, BrokenError, WriteError) as error:
            if not ledger.counts and not already:
                raise
            stopped = str(error)
        lacking = {
            each.sop_instance_uid: ledger.failures.get(each.sop_instance_uid, NOT_TRIED)
            for each in missing
            if not _place(folder, each).is_file()
        }
    done = len(missing) - len(lacking)
    return Transferred(done, already, lacking, stopped=stopped, remarks=tuple(remarks))


def _by_series(instances: Sequence[Instance]) -> Iterator[list[Instance]]:
    series: dict[tuple[str, str], list[Instance]] = defaultdict(list)
    for each in instances:
        series[each.study_uid, each.series_uid].append(each)
    yield from series.values()


def _fetch_series(
    archive: ArchiveConnection,
    instances: Sequence[Instance],
    folder: Path,
    ledger: Ledger,
    patience: Patience,
) -> None:
    """Fetch what is missing of a series, again while tries get further or pauses are left.

    Raises:
        BrokenError: the archive stays away.
    """
    asked = {each.sop_instance_uid: each for each in instances}

    def keep(uid: str, content: bytes) -> None:
        instance = asked.get(uid)
        if instance is None:
            return  # not asked for: another patient's, it may be
        place = _place(folder, instance)
        with written_whole(place) as file:
            file.write(content)
        left.discard(uid)
        ledger.add(
            uid,
            InstanceState.DONE,
            study_uid=instance.study_uid,
            series_uid=instance.series_uid,
        )
        patience.pace()

    left = set(asked)
    pauses = patience.pauses()
    while left:
        before = len(left)
        try:
            refused = archive.fetch([each for uid, each in asked.items() if uid in left], keep)
        except BrokenError:
            if len(left) < before:  # it got further: as patient as at the start
                pauses = patience.pauses()
            pause = next(pauses, None)
            if pause is None:
                raise
            patience.sleep(pause)
            continue
        for uid in left & set(refused):
            ledger.add(
                uid,
                InstanceState.FAILED,
                reason=refused[uid],
                study_uid=asked[uid].study_uid,
                series_uid=asked[uid].series_uid,
            )
        return


def _found(archive: ArchiveConnection, wanted: Wanted, patience: Patience) -> list[Instance]:
    for pause in patience.pauses():
        try:
            return archive.find(wanted)
        except BrokenError:
            patience.sleep(pause)
    return archive.find(wanted)


def _place(folder: Path, instance: Instance) -> Path:
    """Where an instance lies: patient, date and study, series.

    Raises:
        RefusedError: UIDs that are none, which could lead anywhere.
    """
    uids = (instance.study_uid, instance.series_uid, instance.sop_instance_uid)
    if any(not uid or set(uid) - _UID_CHARACTERS or len(uid) > 64 for uid in uids):
        raise RefusedError("the archive gave a UID that is none", where=instance.patient_id)
    date = instance.study_date if instance.study_date.isdecimal() else "undated"
    study = f"{date}-{instance.study_uid[-16:].strip('.')}"
    series = f"{instance.modality or 'series'}-{instance.series_uid[-24:].strip('.')}"
    name = f"{instance.sop_instance_uid}.dcm"
    return folder / folder_name(instance.patient_id) / study / folder_name(series) / name


def _is_there(path: Path) -> bool:
    """Whether a whole file lies there, with the instance that its name says."""
    if not path.is_file():
        return False
    try:
        return read_header(path).text(Tag.SOP_INSTANCE_UID) == path.stem
    except (InputError, OSError, *READ_ERRORS):
        return False
