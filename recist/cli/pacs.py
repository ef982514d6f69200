"""``recist pull`` and ``recist push``: images from an archive, results into it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imaging.errors import InputError
from recist.cli.console import console
from recist.cli.printing import print_line, print_research_use
from recist.cli.shared_options import names_of

if TYPE_CHECKING:
    from recist.pacs.pull import Transferred
    from recist.pacs.remote import Remote

_Remote = Annotated[
    str,
    typer.Argument(
        metavar="ARCHIVE", help="dicom://AETITLE@host:port, dicoms:// with TLS, or https://root."
    ),
]
_Calling = Annotated[str, typer.Option(help="Our AE title.")]
_User = Annotated[
    str,
    typer.Option(
        help="Name at the archive; RECIST_PACS_PASSWORD or RECIST_PACS_TOKEN holds the secret."
    ),
]
_CaFile = Annotated[Path | None, typer.Option(help="Certificates that are trusted (PEM).")]
_CertFile = Annotated[Path | None, typer.Option(help="Our own certificate (PEM).")]
_KeyFile = Annotated[Path | None, typer.Option(help="The key of our certificate (PEM).")]
_Timeout = Annotated[float, typer.Option(min=1, help="Seconds to wait for an answer.")]
_Retries = Annotated[
    int, typer.Option(min=0, help="Tries after a break, each after twice the pause.")
]
_Rate = Annotated[float | None, typer.Option(min=0.01, help="At most so many instances a second.")]
_Report = Annotated[
    Path | None, typer.Option(help="CSV that accounts for every instance; says where to go on.")
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be transferred.")]


def pull(
    archive: _Remote,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder that receives the images.")],
    patient: Annotated[
        list[str] | None, typer.Option(help="Patient ID; may be given several times.")
    ] = None,
    worklist: Annotated[
        Path | None,
        typer.Option(help="Table: subject, and any of study, from, to, modalities."),
    ] = None,
    study: Annotated[str, typer.Option(help="Only this Study Instance UID.")] = "",
    since: Annotated[str, typer.Option("--from", help="First date, 2024-03-04.")] = "",
    until: Annotated[str, typer.Option("--to", help="Last date.")] = "",
    modality: Annotated[str, typer.Option(help="Comma-separated: CT,PT,RTSTRUCT ...")] = "",
    listen: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Fetch by C-MOVE to this port of ours, not by C-GET."),
    ] = None,
    calling: _Calling = "RECIST",
    user: _User = "",
    ca_file: _CaFile = None,
    cert_file: _CertFile = None,
    key_file: _KeyFile = None,
    timeout: _Timeout = 60.0,
    retries: _Retries = 5,
    rate: _Rate = None,
    report: _Report = None,
    dry_run: _DryRun = False,
) -> None:
    """Fetch the dates of patients from a PACS into a folder; what is there is not fetched again."""
    from recist.pacs.archive import Wanted
    from recist.pacs.connection import connected
    from recist.pacs.patience import Patience
    from recist.pacs.pull import pull as fetch
    from recist.pacs.pull import read_work_list
    from recist.pacs.remote import Remote

    wanted = read_work_list(worklist) if worklist else []
    narrowed = (study, _date(since, "--from"), _date(until, "--to"), names_of(modality))
    wanted += [Wanted(each, *narrowed) for each in patient or ()]
    if not wanted:
        raise InputError("nobody is asked for", remedy="give --patient or --worklist")
    remote = Remote(archive, calling, user, ca_file, cert_file, key_file, listen, timeout)
    with console.status("asking the archive") as status:
        done = fetch(
            connected(remote),
            remote.name,
            wanted,
            out,
            patience=Patience(retries, rate),
            report=report,
            dry_run=dry_run,
            on_progress=lambda some, whole: status.update(f"{some} of {whole} instances"),
        )
    _tell(done, remote, "fetched", f"in {out}")


def push(
    archive: _Remote,
    sources: Annotated[
        list[Path], typer.Argument(help="Folder of results, or DICOM files and folders.")
    ],
    again: Annotated[bool, typer.Option("--again", help="Send what was sent before too.")] = False,
    calling: _Calling = "RECIST",
    user: _User = "",
    ca_file: _CaFile = None,
    cert_file: _CertFile = None,
    key_file: _KeyFile = None,
    timeout: _Timeout = 60.0,
    retries: _Retries = 5,
    rate: _Rate = None,
    report: _Report = None,
    dry_run: _DryRun = False,
) -> None:
    """Send results (SEG, SR, RTSTRUCT, key images, report) or any DICOM files to a PACS."""
    from recist.pacs.connection import connected
    from recist.pacs.patience import Patience
    from recist.pacs.push import REPORT, outgoing
    from recist.pacs.push import push as send
    from recist.pacs.remote import Remote

    remote = Remote(archive, calling, user, ca_file, cert_file, key_file, timeout_s=timeout)
    files, remarks = outgoing(sources)
    for line in remarks:
        print_line(line)
    if not files:
        raise InputError("no DICOM file to send", where=sources[0])
    first = sources[0] if sources[0].is_dir() else sources[0].parent
    with console.status("asking the archive") as status:
        done = send(
            connected(remote),
            remote.name,
            files,
            report or first / REPORT,
            patience=Patience(retries, rate),
            again=again,
            dry_run=dry_run,
            on_progress=lambda some, whole: status.update(f"{some} of {whole} instances"),
        )
    _tell(done, remote, "sent", "")


#: More failures than this are in the report only.
MOST_NAMED = 10


def _tell(done: Transferred, remote: Remote, verb: str, where: str) -> None:
    from recist.pacs.pull import NOT_TRIED

    for line in done.remarks:
        print_line(line)
    told = [(uid, reason) for uid, reason in done.failures.items() if reason != NOT_TRIED]
    for uid, reason in told[:MOST_NAMED]:
        print_line(f"{uid}: {reason}")
    if len(told) > MOST_NAMED:
        print_line(f"... and {len(told) - MOST_NAMED} more: see the report")
    if done.stopped:
        print_line(f"stopped: {done.stopped}; the same command goes on from here")
    counts = [f"{done.done} {verb}", f"{done.already} already there"]
    if done.failures:
        counts.append(f"{len(done.failures)} not")
    if done.would:
        counts = [f"{done.would} would be {verb}", counts[1]]
    print_line(f"{remote.name}: {', '.join(counts)} {where}".rstrip())
    print_research_use()
    raise typer.Exit(done.exit_code)


def _date(text: str, option: str) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text}", remedy="write it as 2024-03-04") from None
