"""One lesion of one examination, by a prompt: what ``recist segment`` does.

The images are a folder of DICOM or a NIfTI CT (with a NIfTI PET in SUVbw); the result is written as
DICOM SEG (``.dcm``) or as a NIfTI label map, whichever the name of the output says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import generate_uid

from imaging.catalogue import scan
from imaging.errors import InputError
from imaging.masks import read_label_map
from imaging.nifti import read_nifti, write_labels
from imaging.read import read_ct, read_pet
from imaging.registration.dates import register
from imaging.seg import Algorithm, SegSegment, write_seg
from imaging.series import Visit
from imaging.volume import Grid, Mask, Unit, Volume
from pet.suv import to_suv
from segmentation.bundle import FINE_BUNDLE, Bundle, load_bundle
from segmentation.classical import METHODS, delineate_classically
from segmentation.evaluation import Diameter
from segmentation.fine.lung_candidates import lung_candidates
from segmentation.followed import follow
from segmentation.foreign.label_maps import stem_of
from segmentation.foreign.model import ForeignModel, delineate_with, open_model
from segmentation.growth import OutlinedDate
from segmentation.infer import Delineation
from segmentation.inference_quality import InferenceQuality
from segmentation.prompted import Models, delineate_prompted, on_line
from segmentation.prompts import Carried, Click, Line, Prompt
from segmentation.quality import flagged
from segmentation.uptake_thresholds import Threshold, ThresholdMethod, delineate_by

NETWORK = "network"
NIFTI_SUFFIXES = (".nii", ".nii.gz")


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """CT and SUV of one examination; ``headers`` of the CT where it is DICOM."""

    ct: Volume
    suv: Volume | None = None
    headers: Sequence[Dataset] = ()
    warnings: tuple[str, ...] = ()


def read_examination(
    path: Path, *, pet: Path | None = None, subject: str | None = None, date: str | None = None
) -> Images:
    """The images of one examination.

    Args:
        path: a NIfTI CT, or a folder of DICOM.
        pet: a NIfTI PET in SUVbw beside a NIfTI CT.
        subject, date: which examination, where the folder holds several.

    Raises:
        InputError: nothing, or more than one examination fits.
    """
    if path.is_file() and path.name.endswith(NIFTI_SUFFIXES):
        ct, warnings = read_nifti(path, Unit.HU)
        suv = None if pet is None else read_nifti(pet, Unit.SUV_BW)[0]
        return Images(ct, suv, warnings=warnings)
    visit = _visit(path, subject, date)
    if visit.ct is None:
        raise InputError("the examination has no CT", where=path)
    reading = read_ct(visit.ct)
    if visit.pet is None:
        return Images(reading.volume, None, reading.headers, reading.warnings)
    uptake = read_pet(visit.pet)
    suv, audit = to_suv(uptake.volume, uptake.headers)
    warnings = (*reading.warnings, *uptake.warnings, *audit.warnings)
    return Images(reading.volume, suv, reading.headers, warnings)


def _visit(path: Path, subject: str | None, date: str | None) -> Visit:
    day = None if date is None else dt.date.fromisoformat(date)
    found = [
        (one.id, visit)
        for one in scan(path).subjects
        for visit in one.visits
        if subject in (None, one.id) and day in (None, visit.date)
    ]
    if len(found) != 1:
        names = ", ".join(f"{who} {visit.date}" for who, visit in found[:6])
        raise InputError(
            f"{len(found)} examinations fit{': ' if names else ''}{names}",
            where=path,
            remedy="name one by --subject and --date",
        )
    return found[0][1]


def names_of_images(path: Path, subject: str | None, date: str | None) -> tuple[str, ...]:
    """What an examination may be called by a tool that wrote label maps, the fullest first."""
    plain = (date or "").replace("-", "")
    who = subject or ""
    told = (*(f"{who}{day}" for day in (date, plain) if day), stem_of(path), path.stem, who)
    return tuple(dict.fromkeys(name for name in told if name))


def point_mm(text: str) -> tuple[float, float, float]:
    """``x,y,z`` in LPS mm.

    Raises:
        InputError: not three numbers.
    """
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"not a point: {text}", remedy="write x,y,z in mm (LPS)") from None
    return x, y, z


def prompt_of(
    *, click: str | None = None, line: str | None = None, carried: Mask | None = None
) -> Prompt:
    """The prompt of a command: ``x,y,z``, ``x,y,z:x,y,z`` or a mask.

    Raises:
        InputError: none or more than one is given, or it cannot be read.
    """
    if sum(given is not None for given in (click, line, carried)) != 1:
        raise InputError("one of --click, --line and --from is needed, and only one")
    if click is not None:
        return Click(point_mm(click))
    if line is not None:
        ends = line.split(":")
        if len(ends) != 2:
            raise InputError(f"not a line: {line}", remedy="write x,y,z:x,y,z in mm (LPS)")
        return Line(point_mm(ends[0]), point_mm(ends[1]))
    assert carried is not None
    return Carried(carried)


def carried_lesion(
    previous: Path, ct: Volume, *, label: int | None = None, previous_ct: Volume | None = None
) -> Mask:
    """A lesion of an earlier date where it should lie now.

    Args:
        previous: NIfTI label map, on the grid of ``previous_ct`` or of ``ct`` itself.
        label: which lesion; None takes all that is labelled.
        previous_ct: the earlier CT, which is registered to ``ct``.

    Raises:
        InputError: the lesion is not in the label map, or lies outside the image now.
    """
    mask = drawn_before(previous, (previous_ct or ct).grid, label)
    if previous_ct is not None:
        mask = register(ct, previous_ct).warp_mask(mask, ct.grid)
    if not mask.voxels:
        raise InputError("the lesion lies outside the image at this date", where=previous)
    return mask


def drawn_before(previous: Path, grid: Grid, label: int | None = None) -> Mask:
    """A lesion of a label map, where it was drawn.

    Args:
        label: which lesion; None takes all that is labelled.

    Raises:
        InputError: the lesion is not in the label map.
    """
    labels = read_label_map(previous, grid)
    mask = Mask.of(labels > 0 if label is None else labels == label, grid)
    if not mask.voxels:
        raise InputError(f"no lesion {'' if label is None else label}", where=previous)
    return mask


def segment_one(
    images: Images,
    prompt: Prompt,
    *,
    method: str = NETWORK,
    bundle: Bundle | ForeignModel | None = None,
    names: Sequence[str] = (),
    device: str = "auto",
    quality: InferenceQuality | str = InferenceQuality.FAST,
) -> Delineation:
    """One lesion, by the networks, by a classical method on the CT or by a level of uptake.

    Args:
        method: ``network``, one of :data:`segmentation.classical.METHODS`, or of
            :class:`~segmentation.uptake_thresholds.ThresholdMethod`.
        bundle: asked whatever the lesion's size; None takes the networks that ship, the one for
            small lesions and the one for large ones. A model of other people sees no prompt: the
            lesion meant is taken out of its answer.
        names: what the examination is called, where the model is a folder of label maps.

    Raises:
        InputError: an unknown method, or a prompt or images that it cannot work from.
    """
    if method == NETWORK:
        if isinstance(bundle, ForeignModel):
            return delineate_with(
                bundle, images.ct, images.suv, device=device, prompt=prompt, names=names
            )
        models = Models.shipped() if bundle is None else Models.only(bundle)
        return delineate_prompted(
            images.ct, images.suv, prompt, models, device=device, quality=quality
        )
    if method in METHODS:
        found = delineate_classically(method, images.ct, prompt)
        return on_line(found, prompt) if isinstance(prompt, Line) else found
    if method not in tuple(ThresholdMethod):
        known = ", ".join((NETWORK, *METHODS, *ThresholdMethod))
        raise InputError(f"--method {method}", remedy=f"one of {known}")
    if images.suv is None or not isinstance(prompt, Click):
        raise InputError("a threshold method needs a PET and a click")
    return delineate_by(
        Threshold(ThresholdMethod(method)), images.suv, images.ct.grid, click=prompt
    )


def write(delineation: Delineation, images: Images, out: Path) -> Path:
    """Write what was found: SEG for ``.dcm``, else a NIfTI label map.

    Raises:
        InputError: nothing was found, or a SEG is asked of images that are not DICOM.
    """
    masks = [candidate.mask for candidate in delineation.candidates]
    if not masks:
        raise InputError("nothing was found, nothing was written", where=out)
    if out.suffix != ".dcm":
        write_labels(out, masks)
        return out
    if not images.headers:
        raise InputError("a SEG refers to DICOM images; these are NIfTI", remedy="write .nii.gz")
    name, _, rest = delineation.model.partition(" ")
    segments = [
        SegSegment(
            f"Lesion {number}",
            mask,
            tracking_uid=generate_uid(),
            tracking_id=f"Lesion {number}",
            algorithm=Algorithm(name, rest or "1"),
        )
        for number, mask in enumerate(masks, start=1)
    ]
    return write_seg(out, segments, images.headers)


def segment_files(
    path: Path,
    out: Path,
    *,
    pet: Path | None = None,
    subject: str | None = None,
    date: str | None = None,
    click: str | None = None,
    line: str | None = None,
    previous: Path | None = None,
    label: int | None = None,
    previous_ct: Path | None = None,
    previous_pet: Path | None = None,
    diameter: Diameter | None = None,
    in_lungs: bool = False,
    method: str = NETWORK,
    model: Path | None = None,
    trusted: bool = False,
    device: str = "auto",
    quality: InferenceQuality | str = InferenceQuality.FAST,
    on_warning: Callable[[str], None] = lambda _: None,
) -> Delineation:
    """From the images and a prompt to a file: all of ``recist segment``.

    Args:
        path, pet, subject, date: see :func:`read_examination`.
        click, line: text, see :func:`prompt_of`.
        previous, label: a lesion of an earlier date, see :func:`carried_lesion`.
        previous_ct, previous_pet: the examination of that date, as ``path`` and ``pet``. With it
            the outline follows what the lesion did, see :func:`segmentation.followed.follow`;
            another model or method is asked at its place instead.
        diameter: longest diameter of a mask, mm: with it each diameter has an interval.
        in_lungs: without a prompt, what :func:`~segmentation.fine.lung_candidates.lung_candidates`
            lists.
        model, trusted: see :func:`~segmentation.foreign.model.open_model`; None takes the bundles
            that ship.
        on_warning: told of each warning of the images and the delineation, before it is written.

    Raises:
        InputError: whatever cannot be read, and when nothing was found.
    """
    if previous is None and (label is not None or previous_ct is not None):
        raise InputError("--label and --from-images describe the label map of --from")
    if previous_ct is None and previous_pet is not None:
        raise InputError("--from-pet is the PET beside the CT of --from-images")
    prompted = sum(given is not None for given in (click, line, previous))
    if prompted + in_lungs != 1:
        raise InputError("one of --click, --line, --from and --candidates is needed, and only one")
    images = read_examination(path, pet=pet, subject=subject, date=date)
    if in_lungs:
        if method != NETWORK or model is not None:
            raise InputError("--candidates takes no --method and no --model")
        listed = lung_candidates(images.ct, load_bundle(name=FINE_BUNDLE), device=device)
        return _written(listed, images, out, on_warning)
    before = None if previous_ct is None else read_examination(previous_ct, pet=previous_pet)
    if previous is not None and before is not None and method == NETWORK and model is None:
        lesion = drawn_before(previous, before.ct.grid, label)
        followed = follow(
            OutlinedDate(before.ct, before.suv, lesion),
            (images.ct, images.suv),
            Models.shipped(),
            diameter,
            device=device,
            quality=quality,
        )
        return _written(_examined(followed, images, diameter), images, out, on_warning)
    carried = None
    if previous is not None:
        earlier = None if before is None else before.ct
        carried = carried_lesion(previous, images.ct, label=label, previous_ct=earlier)
    prompt = prompt_of(click=click, line=line, carried=carried)
    asked = method == NETWORK and model is not None
    found = segment_one(
        images,
        prompt,
        method=method,
        bundle=open_model(model, trusted=trusted) if asked and model is not None else None,
        names=names_of_images(path, subject, date),
        device=device,
        quality=quality,
    )
    return _written(_examined(found, images, diameter), images, out, on_warning)


def _examined(found: Delineation, images: Images, diameter: Diameter | None) -> Delineation:
    """With what is doubtful about it, where its diameters can be measured."""
    return found if diameter is None else flagged(found, suv=images.suv, diameter=diameter)


def _written(
    found: Delineation, images: Images, out: Path, on_warning: Callable[[str], None]
) -> Delineation:
    for warning in (*images.warnings, *found.warnings):
        on_warning(warning)
    write(found, images, out)
    return found
