"""The folders of patients that a run has written, as exports read them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from imaging.errors import InputError
from imaging.read_json import read_json
from recist.patient.result_folder import FINGERPRINT, RUN


@dataclass(frozen=True, slots=True)
class PatientFolder:
    """The results of one patient."""

    subject: str
    path: Path


def patient_folders(
    source: Path, only: Collection[str] = ()
) -> tuple[tuple[PatientFolder, ...], tuple[str, ...]]:
    """The complete patients of a run in its order, and a line for each that is not.

    Args:
        source: the folder that ``recist run`` wrote.
        only: subjects that are wanted; all where there are none.

    Raises:
        InputError: no folder of results, or a subject that is not in it.
    """
    path = source / RUN
    try:
        listed = read_json(path)["subjects"]
        named = [(str(each["subject"]), str(each["folder"])) for each in listed]
    except FileNotFoundError:
        raise InputError(
            f"no results of recist run ({RUN} is missing)", where=source, remedy="name its OUT"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot be read: {type(error).__name__}", where=path) from error
    unknown = sorted(set(only) - {subject for subject, _ in named})
    if unknown:
        raise InputError(
            f"no subject {', '.join(unknown)}",
            where=source,
            remedy=f"it has {', '.join(subject for subject, _ in named) or 'none'}",
        )
    found, missing = [], []
    for subject, folder in named:
        if only and subject not in only:
            continue
        # A name alone: a record that leads elsewhere is not followed.
        if Path(folder).name == folder and (source / folder / FINGERPRINT).is_file():
            found.append(PatientFolder(subject, source / folder))
        else:
            missing.append(f"{subject}: no complete result, run it again with --resume")
    return tuple(found), tuple(missing)
