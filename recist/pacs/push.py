"""``recist push``: results into an archive.

What an archive took is written down at once; a push that was killed goes on after it. Sending an
instance twice does no harm: its UIDs follow from what it says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from imaging.dataset import READ_ERRORS, NotDicomError
from imaging.errors import HeaderError, InputError
from imaging.header import Tag, read_header
from imaging.writing import WriteError
from recist.pacs.archive import ArchiveConnection, BrokenError, Outgoing, RefusedError
from recist.pacs.ledger import InstanceState, Ledger
from recist.pacs.patience import Patience
from recist.pacs.pull import Transferred
from recist.patient.result_folder import RUN

REPORT = "push.csv"
#: Where a run keeps the objects of a patient.
OBJECTS = "dicom"


def outgoing(sources: Sequence[Path]) -> tuple[list[Outgoing], list[str]]:
    """The DICOM files to be sent, each instance once, and what is not sent.

    Of the folder of a run only the objects are sent that were written for an archive.

    Raises:
        InputError: a path that is not there, or a run without objects.
    """
    found: dict[str, Outgoing] = {}
    remarks = []
    for path in (path for source in sources for path in _files(source)):
        try:
            each = _outgoing(path)
        except NotDicomError:
            continue
        except (HeaderError, OSError, *READ_ERRORS) as error:
            remarks.append(f"{path.name}: not sent: {getattr(error, 'what', type(error).__name__)}")
            continue
        known = found.setdefault(each.sop_instance_uid, each)
        if known.sha256 != each.sha256:
            what = "not sent: the same SOP Instance UID with other content"
            remarks.append(f"{path.name}: {what} as {known.path.name}")
    return list(found.values()), remarks


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
        return
    if not source.is_dir():
        raise InputError("no such file or folder", where=source)
    folders = [source]
    if (source / RUN).is_file():
        folders = sorted(path for path in source.glob(f"*/{OBJECTS}") if path.is_dir())
        if not folders:
            raise InputError(
                "the run wrote no DICOM objects",
                where=source,
                remedy=f"recist export {source.name} --to dicom, or run it with --dicom",
            )
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path


def _outgoing(path: Path) -> Outgoing:
    header = read_header(path)
    uids = [header.text(tag) for tag in (Tag.SOP_CLASS_UID, Tag.SOP_INSTANCE_UID)]
    if not all(uids):
        raise HeaderError("no SOP Class or Instance UID (0008,0016/0018)", where=path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    study, series = header.text(Tag.STUDY_UID), header.text(Tag.SERIES_UID)
    return Outgoing(path, study, series, uids[0], uids[1], header.transfer_syntax, digest)


def push(
    archive: ArchiveConnection,
    remote: str,
    files: Sequence[Outgoing],
    report: Path,
    *,
    patience: Patience,
    again: bool = False,
    dry_run: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Transferred:
    """Send what this archive has not taken yet.

    Args:
        remote: the archive's name in the report.
        report: the account of every instance.
        again: send what was sent before too.

    Raises:
        InputError: the archive refuses or cannot be reached before anything was sent.
    """
    ledger = Ledger(report, remote)
    before = set() if again else ledger.done_before()
    left = [each for each in files if (each.sop_instance_uid, each.sha256) not in before]
    already = len(files) - len(left)
    if dry_run:
        return Transferred(0, already, {}, len(left))
    stopped = ""
    with ledger:
        try:
            for sent, reason in _patiently_sent(archive, left, patience):
                ledger.add(
                    sent.sop_instance_uid,
                    InstanceState.FAILED if reason else InstanceState.DONE,
                    reason=reason,
                    sha256=sent.sha256,
                    study_uid=sent.study_uid,
                    series_uid=sent.series_uid,
                )
                on_progress(already + sum(ledger.counts.values()), len(files))
        except (RefusedError, BrokenError, WriteError) as error:
            if not ledger.counts and not already:
                raise
            stopped = str(error)
    done = ledger.counts[InstanceState.DONE]
    return Transferred(done, already, dict(ledger.failures), stopped=stopped)


def _patiently_sent(
    archive: ArchiveConnection, files: Sequence[Outgoing], patience: Patience
) -> Iterator[tuple[Outgoing, str]]:
    """Send files; after a break those that are left, again while tries get further.

    Raises:
        BrokenError: the archive stays away.
    """
    left = {each.sop_instance_uid: each for each in files}
    pauses = patience.pauses()
    while left:
        try:
            for sent, reason in archive.send(list(left.values())):
                del left[sent.sop_instance_uid]
                pauses = patience.pauses()
                yield sent, reason
                patience.pace()
        except BrokenError:
            pause = next(pauses, None)
            if pause is None:
                raise
            patience.sleep(pause)
