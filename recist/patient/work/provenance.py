"""What a date was observed from: files, settings, model and version, as one word.

Dates are gone through in order of time, and none depends on a later one. So long as the first dates
of a patient come from what they came from before, what was found out of them holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from imaging.series import Visit
from recist.patient.delineation_folder import label_maps_of
from recist.patient.examination import delineation_names
from recist.patient.options import ORGAN_NAMES, Options
from recist.patient.stamps import files_of, planned_by, stamp, told_apart_by
from recist.version import __version__

#: Settings that say how answers are formed from what was observed.
OF_THE_ANSWER = ("criteria", "protocol")


def origin_of(subject: str, visit: Visit, options: Options) -> str:
    """Changes when something changes that a date is observed from.

    Raises:
        InputError: no folder of delineations where one is named.
    """
    digest = hashlib.sha256()
    stamp(digest, (*files_of(visit), *_delineated(subject, visit, options)))
    settings = {k: v for k, v in options.as_dict().items() if k not in OF_THE_ANSWER}
    told = [told_apart_by(visit), settings, options.model_record(), __version__]
    digest.update(json.dumps(told, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _delineated(subject: str, visit: Visit, options: Options) -> Iterator[Path]:
    """Files beside the images that a date is delineated by."""
    if options.lesions_folder is not None:
        for _, _, files in delineation_names(subject, visit, options.lesions_folder):
            yield from files
    if options.organs is not None:
        yield options.organs / ORGAN_NAMES
        yield from label_maps_of(options.organs, subject, (visit.date, visit.label))


def treatment_origin(visits: Sequence[Visit], planning: Sequence[Visit]) -> str:
    """Changes when the radiotherapy of a patient, or the planning CT that it lies on, changes."""
    digest = hashlib.sha256()
    irradiated = [visit for visit in visits if visit.rtdoses or visit.rtplans or visit.rtrecords]
    objects = (path for visit in irradiated for each in planned_by(visit) for path in each.files)
    links = (path for visit in visits for each in visit.registrations for path in each.files)
    planned = (path for visit in planning for path in files_of(visit))
    stamp(digest, (*objects, *links, *planned))
    digest.update(json.dumps([told_apart_by(visit) for visit in planning]).encode())
    return digest.hexdigest()
