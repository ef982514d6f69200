"""The forms that results are exported in: a row each, found by its name.

``recist export SOURCE --to NAME`` asks the target of that name. A target reads the folder of a run
(or the table that it says) and writes files that other systems read; what could not be written is
named, and never stops the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imaging.errors import InputError
from recist.export.request import Exported, Request

if TYPE_CHECKING:
    from recist.export.cdisc.exported_answers import Answers


@dataclass(frozen=True, slots=True)
class Target:
    """One form of export.

    Attributes:
        says: a line for the help: what is written, and for whom.
        write: does it; loads what it needs when it is called.
    """

    says: str
    write: Callable[[Request], Exported]


def _dicom(request: Request) -> Exported:
    from recist.export.dicom.patient_objects import export  # noqa: PLC0415 - loads when it is asked for

    return export(request)


def _sdtm(request: Request) -> Exported:
    return _cdisc(request, "sdtm")


def _adam(request: Request) -> Exported:
    return _cdisc(request, "adam")


def _answers(request: Request) -> Answers:
    from recist.export.cdisc.exported_answers import answers_of  # noqa: PLC0415

    return answers_of(
        request.source,
        events=request.events,
        criteria=request.criteria or None,
        protocol=request.protocol or None,
        only=request.subjects,
    )


def _cdisc(request: Request, standard: str) -> Exported:
    from recist.export.cdisc.exporting import export  # noqa: PLC0415
    from recist.export.cdisc.terminology import SHIPPED, load  # noqa: PLC0415

    answers = _answers(request)
    done = export(
        answers,
        request.out or _beside(request.source) / standard,
        standard,
        study=request.study,
        accepted=request.accepted,
        words=load(request.terminology or SHIPPED),
    )
    return Exported(
        done.files,
        (*(str(finding) for finding in answers.errors), *done.errors),
        done.remarks,
    )


def _fhir(request: Request) -> Exported:
    from imaging.writing import write_text  # noqa: PLC0415
    from recist.export.fhir import bundle_json  # noqa: PLC0415
    from recist.patient.result_folder import folder_names  # noqa: PLC0415

    answers = _answers(request)
    out = request.out or _beside(request.source) / "fhir"
    # A name per read: two readers of a subject are two bundles.
    names = {
        (each.course.subject, each.course.reader): " ".join(
            word for word in (each.course.subject, each.course.reader) if word
        )
        for each in answers.courses
    }
    places = folder_names(names.values())
    files = [
        write_text(out / f"{places[name]}.json", bundle_json(each))
        for each, name in zip(answers.courses, names.values(), strict=True)
    ]
    return Exported(tuple(files), tuple(str(finding) for finding in answers.errors))


def _workbook(request: Request) -> Exported:
    from recist.export.folders import patient_folders  # noqa: PLC0415
    from recist.export.results_workbook import NAME, write_workbook  # noqa: PLC0415

    found, missing = patient_folders(request.source)
    folders = [(each.subject, each.path) for each in found]
    path = write_workbook(request.source, (request.out or request.source) / NAME, folders)
    return Exported((path,), missing)


def _pdf(request: Request) -> Exported:
    from recist.export.printed_reports import export  # noqa: PLC0415

    return export(request)


def _dvh(request: Request) -> Exported:
    from recist.export.dose_curves import export  # noqa: PLC0415

    return export(request)


def _beside(source: Path) -> Path:
    return source if source.is_dir() else source.parent


#: Name -> target, in the order of the help.
TARGETS: dict[str, Target] = {
    "dicom": Target(
        "SEG, SR, RTSTRUCT, key images and the report for a PACS, in SUBJECT/dicom", _dicom
    ),
    "pdf": Target("the report of each patient on paper, in pdf", _pdf),
    "sdtm": Target("TU, TR and RS of CDISC, from results or a table, in sdtm", _sdtm),
    "adam": Target("ADRS and ADTTE of CDISC, from results or a table, in adam", _adam),
    "fhir": Target("a bundle of FHIR R4 per patient and reader, in fhir", _fhir),
    "dvh": Target("dose-volume curves of lesions and target volumes, in dvh", _dvh),
    "xlsx": Target("one workbook of all tables, results.xlsx", _workbook),
}


def targets_named(names: Collection[str]) -> tuple[Target, ...]:
    """The targets of these names.

    Raises:
        InputError: none is named, or one that does not exist.
    """
    unknown = [name for name in names if name not in TARGETS]
    if unknown or not names:
        what = f"--to {','.join(unknown)}" if unknown else "no target is named"
        raise InputError(what, remedy=f"one of {', '.join(TARGETS)}")
    return tuple(TARGETS[name] for name in names)
