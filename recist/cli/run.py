"""``recist run``: images in, response out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from recist.cli.console import console
from recist.cli.shared_options import (
    Criteria,
    Device,
    Events,
    Model,
    Out,
    ProtocolName,
    Trust,
    in_lung,
    names_of,
)

if TYPE_CHECKING:
    from recist.run.cluster import Cluster


def run(
    studies: Annotated[Path, typer.Argument(help="Folder tree of DICOM, or NIfTI + manifest.csv.")],
    out: Out,
    lesions: Annotated[
        str,
        typer.Option(
            help="auto: the network; dicom: RTSTRUCT and SEG beside the images; or a FOLDER of "
            "NIfTI label maps."
        ),
    ] = "auto",
    roi_pattern: Annotated[
        str | None, typer.Option(help="Which ROI names are lesions (regular expression).")
    ] = None,
    criteria: Criteria = "recist11,irecist",
    protocol: ProtocolName = "recist11-eortc",
    events: Events = None,
    series: Annotated[
        Path | None,
        typer.Option(
            help="Which series serves what: subject, series (UID or description), use (response, "
            "field or no)."
        ),
    ] = None,
    dates: Annotated[
        Path | None,
        typer.Option(
            help="Dates of studies whose headers have none: subject, study (UID or folder), date."
        ),
    ] = None,
    uneven_slices: Annotated[
        bool,
        typer.Option(
            "--uneven-slices",
            help="Interpolate slices at uneven distances (steps of up to 10 mm); else refused.",
        ),
    ] = False,
    overrides: Annotated[
        Path | None,
        typer.Option(
            help="The reader's choices: subject, lesion, role (target, non-target, "
            "not-a-lesion), organ, nodal (yes, no), field (in, partial, low-dose, out), new "
            "(confirmed, refused), reason, reader, recorded_at."
        ),
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option(
            help="The reader's links: subject, date, candidate, lesion, reason, reader, "
            "recorded_at."
        ),
    ] = None,
    model: Model = None,
    trust: Trust = False,
    device: Device = "auto",
    quality: Annotated[str, typer.Option(help="fast, ensemble or best.")] = "fast",
    organs: Annotated[
        Path | None,
        typer.Option(help="Folder of organ label maps (TotalSegmentator) with organs.json."),
    ] = None,
    dicom: Annotated[
        bool,
        typer.Option(
            "--dicom", help="Also SEG, SR, RTSTRUCT, key images for a PACS, in SUBJECT/dicom."
        ),
    ] = False,
    candidates: Annotated[
        str | None,
        typer.Option(
            help="lung: also list what is round in the lungs, unreviewed, among the remarks."
        ),
    ] = None,
    subject: Annotated[
        list[str] | None, typer.Option(help="Only this subject; may be given several times.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Patients at a time; memory grows with it.")] = 1,
    engine: Annotated[
        str, typer.Option(help="local: --jobs on this machine; dask: workers of a Dask cluster.")
    ] = "local",
    scheduler: Annotated[
        str, typer.Option(help="Dask: address of a running scheduler (tcp://host:8786).")
    ] = "",
    cluster: Annotated[
        str,
        typer.Option(help="Dask: local, slurm or kubernetes; --jobs is the most workers."),
    ] = "local",
    memory: Annotated[str, typer.Option(help="Dask: of each worker here, such as 8GiB.")] = "auto",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Skip what is complete and unchanged; take dates that are from kept work.",
        ),
    ] = False,
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache", help="Keep no work beside the results: recist correct needs it."
        ),
    ] = False,
    cache_mb: Annotated[
        float, typer.Option(min=0, help="What the work of one patient may take, megabytes.")
    ] = 500.0,
    index: Annotated[
        Path | None,
        typer.Option(
            help="Where the headers of trees of 5,000 files and more are kept, so that the next "
            "run reads only files that changed; default: .headers.sqlite in OUT. It holds names."
        ),
    ] = None,
    no_index: Annotated[
        bool, typer.Option("--no-index", help="Keep no headers; read every file.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what was found and what would be used.")
    ] = False,
) -> None:
    """Images in, response out: delineate, measure, track, classify, for one or many patients."""
    from imaging.parallel import cores
    from imaging.sorting import Sorting
    from recist.patient.options import Options
    from recist.patient.result_folder import HEADERS
    from recist.run import batch, progress

    options = Options.create(
        lesions=lesions,
        roi_pattern=roi_pattern,
        criteria=names_of(criteria),
        protocol=protocol,
        events=events,
        overrides=overrides,
        links=links,
        model=model,
        trusted=trust,
        device=device,
        quality=quality,
        organs=organs,
        dicom=dicom,
        lung_candidates=in_lung(candidates),
        cache_mb=None if no_cache else cache_mb,
    )
    sorting = Sorting.read(series, dates, uneven_slices=uneven_slices)
    if dry_run:
        raise typer.Exit(progress.show_catalogue(studies, Console(), sorting))
    with progress.Bars(console) as bars:
        result = batch.run(
            studies,
            out,
            options,
            resume=resume,
            jobs=jobs,
            cores=cores(),
            cluster=_cluster(engine, scheduler, cluster, jobs, memory, options.device),
            only=subject or (),
            sorting=sorting,
            index_file=None if no_index else index or out / HEADERS,
            on_catalogue=bars.on_catalogue,
            on_stage=bars.on_stage,
        )
    progress.show_result(result, console)
    raise typer.Exit(result.exit_code)


def _cluster(
    engine: str, scheduler: str, kind: str, workers: int, memory: str, device: str
) -> Cluster | None:
    """The cluster that is asked for; None for this machine alone.

    Raises:
        InputError: no such engine or kind of cluster.
    """
    from imaging.errors import InputError
    from recist.run.cluster import Cluster, ClusterKind

    if engine == "local" and not scheduler:
        return None
    if engine not in ("local", "dask"):
        raise InputError(f"--engine {engine}", remedy="local or dask")
    if kind not in tuple(ClusterKind):
        raise InputError(f"--cluster {kind}", remedy=f"one of {', '.join(ClusterKind)}")
    gpus = 1 if device.startswith("cuda") else 0
    return Cluster(scheduler, ClusterKind(kind), workers, memory, gpus)
