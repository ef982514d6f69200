"""The command ``recist``: one sub-command per way into the toolkit.

Heavy libraries load inside the commands that need them, so a table of diameters needs no torch.
Exit codes: 0 all done; 1 some of it failed and is named; 2 nothing could be done, and why.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from imaging.errors import InputError
from recist import __version__
from recist.patient.result import RESEARCH_USE

if TYPE_CHECKING:
    from recist.table.output import TableResult

app = typer.Typer(
    name="recist",
    help=f"Tumour response from CT and PET/CT by RECIST 1.1 and iRECIST. {RESEARCH_USE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

console = Console(stderr=True)

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder that receives the results.")]
Criteria = Annotated[
    str, typer.Option(help="Comma-separated: recist11, irecist, irrecist, imrecist.")
]
ProtocolName = Annotated[
    str, typer.Option("--protocol", help="Preset name or TOML file with the open choices.")
]
Events = Annotated[
    Path | None, typer.Option("--events", help="Table of events: subject, date|day, event.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, or cuda[:n].")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"recist {__version__}. {RESEARCH_USE}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Tumour response assessment."""


@app.command()
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
    overrides: Annotated[
        Path | None,
        typer.Option(help="The reader's choices: subject, lesion, role, organ, nodal, field."),
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option(help="The reader's links: subject, date, candidate, lesion."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="MONAI bundle to use in place of the shipped one.")
    ] = None,
    device: Device = "auto",
    quality: Annotated[str, typer.Option(help="fast, ensemble or best.")] = "fast",
    organs: Annotated[
        Path | None,
        typer.Option(help="Folder of organ label maps (TotalSegmentator) with organs.json."),
    ] = None,
    field_profile: Annotated[
        str | None, typer.Option(help="Thresholds of the field classes: name or TOML file.")
    ] = None,
    subject: Annotated[
        list[str] | None, typer.Option(help="Only this subject; may be given several times.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Patients at a time; memory grows with it.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip what is complete and unchanged.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what was found and what would be used.")
    ] = False,
) -> None:
    """Images in, response out: delineate, measure, track, classify, for one or many patients."""
    from recist.patient.options import Options
    from recist.run import batch, progress

    options = Options.create(
        lesions=lesions,
        roi_pattern=roi_pattern,
        criteria=_names(criteria),
        protocol=protocol,
        events=events,
        overrides=overrides,
        links=links,
        model=model,
        device=device,
        quality=quality,
        organs=organs,
        field_profile=field_profile,
    )
    if dry_run:
        raise typer.Exit(progress.show_catalogue(studies, Console()))
    with progress.Bars(console) as bars:
        result = batch.run(
            studies,
            out,
            options,
            resume=resume,
            jobs=jobs,
            only=subject or (),
            on_catalogue=bars.on_catalogue,
            on_stage=bars.on_stage,
        )
    progress.show_result(result, console)
    raise typer.Exit(result.exit_code)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the demo.")] = Path("demo"),
    lesions: Annotated[
        str, typer.Option(help="dicom: the phantom's own contours; auto: the network.")
    ] = "dicom",
    device: Device = "auto",
) -> None:
    """Make a small phantom patient, run the main job on it, and say where to look."""
    from recist.run import demonstration, progress

    with progress.Bars(console) as bars:
        lines, code = demonstration.run(
            out,
            lesions=lesions,
            device=device,
            on_catalogue=bars.on_catalogue,
            on_stage=bars.on_stage,
        )
    for line in lines:
        typer.echo(line)
    raise typer.Exit(code)


@app.command()
def segment(
    images: Annotated[Path, typer.Argument(help="Folder of DICOM of one date, or a NIfTI CT.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="SEG (.dcm) or label map (.nii.gz).")],
    click: Annotated[str | None, typer.Option(help="x,y,z in LPS mm, inside the lesion.")] = None,
    line: Annotated[
        str | None, typer.Option(help="x,y,z:x,y,z in LPS mm, its longest diameter.")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option("--from", help="Label map of an earlier date.")
    ] = None,
    previous_images: Annotated[
        Path | None, typer.Option("--from-images", help="CT of that date, to be registered.")
    ] = None,
    label: Annotated[int | None, typer.Option(help="Which lesion of --from.")] = None,
    pet: Annotated[Path | None, typer.Option(help="NIfTI PET in SUVbw beside a NIfTI CT.")] = None,
    subject: Annotated[str | None, typer.Option(help="Where the folder holds several.")] = None,
    date: Annotated[str | None, typer.Option(help="ISO date, where it holds several.")] = None,
    method: Annotated[str, typer.Option(help="network, or a threshold method.")] = "network",
    model: Annotated[Path | None, typer.Option(help="MONAI bundle to use instead.")] = None,
    device: Device = "auto",
    quality: Annotated[str, typer.Option(help="fast, ensemble or best.")] = "fast",
) -> None:
    """Delineate and measure the one lesion that a click, a line or an earlier date means."""
    from recist.measure import caliper
    from segmentation.single import segment_files

    found = segment_files(
        images,
        out,
        pet=pet,
        subject=subject,
        date=date,
        click=click,
        line=line,
        previous=previous,
        label=label,
        previous_ct=previous_images,
        method=method,
        model=model,
        device=device,
        quality=quality,
        on_warning=lambda text: console.print(
            f"warning: {text}", highlight=False, soft_wrap=True, markup=False
        ),
    )
    for candidate in found.candidates:
        drawn = caliper(candidate.mask)
        typer.echo(
            f"{drawn.long_axis_mm} x {drawn.short_axis_mm} mm, {candidate.mask.volume_ml:.2f} ml, "
            f"by {found.model}; written to {out}"
        )
        for flag in candidate.flags:
            typer.echo(f"check: {flag}")
    console.print(RESEARCH_USE, style="dim")


@app.command()
def evaluate(
    data: Annotated[
        list[Path], typer.Argument(help="Folders of NAME_ct, NAME_lab and NAME_suv1000 .nii.gz.")
    ],
    out: Out,
    model: Annotated[Path | None, typer.Option(help="MONAI bundle to evaluate instead.")] = None,
    folds: Annotated[
        bool,
        typer.Option("--folds", help="Each case by the fold's network that never saw it."),
    ] = False,
    device: Device = "auto",
) -> None:
    """Score the network and the threshold methods against delineated cases."""
    from recist.measure import caliper
    from segmentation.bundle import load_bundle
    from segmentation.release import validate

    split = None
    if folds:
        path = load_bundle(model).root / "configs" / "folds.json"
        split = json.loads(path.read_text()) if path.is_file() else None
        if split is None:
            raise InputError("the bundle names no folds", where=path)
    table = validate(
        data,
        model,
        split,
        out,
        diameter=lambda mask: float(caliper(mask).long_axis_mm),
        device=device,
    )
    typer.echo(table)
    console.print(f"tables and plot in {out}", highlight=False)
    console.print(RESEARCH_USE, style="dim")


@app.command()
def assess(
    measurements: Annotated[Path, typer.Argument(help="Measurement table: CSV, xlsx or parquet.")],
    out: Out,
    events: Events = None,
    criteria: Criteria = "recist11,irecist",
    protocol: ProtocolName = "recist11-eortc",
    robustness: Annotated[
        bool,
        typer.Option("--robustness", help="Add the chance of each category under reading error."),
    ] = False,
    jobs: Annotated[int | None, typer.Option(help="Processes; default: one per core.")] = None,
) -> None:
    """From a table of diameters to responses and outcomes; no images, no network."""
    from recist.run.table import assess_file

    result = assess_file(
        measurements,
        out,
        events=events,
        criteria=_names(criteria),
        protocol=protocol,
        jobs=jobs,
        robustness=robustness,
    )
    _report_table(result)


@app.command("assess-pet")
def assess_pet(
    table: Annotated[Path, typer.Argument(help="Table of uptake, one row per date and lesion.")],
    out: Out,
    criteria: Annotated[
        str, typer.Option(help="Comma-separated names of PET criteria; default: all.")
    ] = "",
    settings: Annotated[
        Path | None, typer.Option(help="TOML file with the choices the papers leave open.")
    ] = None,
) -> None:
    """From a table of uptake to metabolic responses: PERCIST, EORTC and others."""
    from pet.response.table import assess_pet_table

    for path in assess_pet_table(table, out, criteria=_names(criteria) or None, settings=settings):
        typer.echo(path)
    console.print(RESEARCH_USE, style="dim")


@app.command()
def outcomes(
    responses: Annotated[Path, typer.Argument(help="Table: subject, date|day, overall.")],
    out: Out,
    events: Events = None,
    criteria: Criteria = "recist11",
    protocol: ProtocolName = "recist11-eortc",
) -> None:
    """From time-point responses alone to best response and progression dates."""
    from recist.run.table import outcomes_file

    result = outcomes_file(
        responses, out, events=events, criteria=_names(criteria), protocol=protocol
    )
    _report_table(result)


@app.command()
def abscopal(
    measurements: Annotated[Path, typer.Argument(help="Measurement table with a column field.")],
    out: Out,
    events: Events = None,
    arms: Annotated[
        Path | None, typer.Option("--arms", help="Table of arms: subject, arm[, systemic].")
    ] = None,
    doses: Annotated[
        Path | None, typer.Option("--doses", help="field.csv of the main job: varies the dose.")
    ] = None,
    protocol: ProtocolName = "recist11-eortc",
) -> None:
    """Did the lesions that were not irradiated respond, in whom, and how often by chance."""
    from recist.cohort import abscopal_file

    _report_table(
        abscopal_file(measurements, out, events=events, arms=arms, doses=doses, protocol=protocol)
    )


@app.command()
def suv(
    series: Annotated[Path, typer.Argument(help="Folder of one PET series.")],
    kind: Annotated[str, typer.Option("--type", help="bw, lbm, bsa or ibw.")] = "bw",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    strict: Annotated[bool, typer.Option(help="Turn every adaptation into an error.")] = False,
) -> None:
    """The SUV factor of a PET series, with its reference time, rule and every candidate."""
    from pet.suv import SuvType, suv_report

    if kind not in tuple(SuvType):
        raise InputError(f"--type {kind}", remedy=f"one of {', '.join(SuvType)}")
    typer.echo(suv_report(series, SuvType(kind), json=as_json, strict=strict))


def _report_table(result: TableResult) -> None:
    """What came of a table: findings in a line each, where the results are, the exit code."""
    for finding in result.findings:
        console.print(str(finding), highlight=False, soft_wrap=True, markup=False)
    shown = len(result.findings)
    hidden = sum(result.counts.values()) - shown
    if hidden > 0:
        console.print(f"... and {hidden} more findings in {result.out / 'checks.csv'}")
    done = result.subjects - len(result.failed)
    console.print(f"{done} of {result.subjects} subjects assessed; results in {result.out}")
    console.print(RESEARCH_USE, style="dim")
    raise typer.Exit(result.exit_code)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def main() -> None:
    """Entry point: refusals are printed in a line, never as a traceback.

    What we warn of is part of the results. Python warnings of the DICOM libraries are not shown:
    they quote header values, patients' names among them.
    """
    warnings.simplefilter("ignore")
    try:
        app()
    except InputError as error:
        console.print(Text.assemble(("recist:", "red"), f" {error}"), soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
