"""Training images of both networks in one small file, to be carried to where a GPU is.

CT is stored in steps of some HU and PET in steps of its logarithm, far below the noise of the
images and what the training adds to it; an even noise of one step is laid over what is read, so
that no step shows. All 40 PET/CTs, 51 CTs and 812 boxes of the shipped networks take 37 MiB.
Needs nothing beyond numpy.
"""

from __future__ import annotations

import bz2
import io
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imaging.errors import InputError
from imaging.volume import Array
from imaging.writing import written_whole
from segmentation.cases import Case
from segmentation.fine.fine_cases import FineCase

#: HU: lowest stored, and width of a step, for boxes of small lesions, for whole CTs on their own
#: grid, and for the network of CT and PET, which sees a window of 400 HU.
BOX_STEPS, WHOLE_STEPS, COARSE_STEPS = (-1024.0, 16.0), (-1024.0, 32.0), (-180.0, 4.0)
#: Steps of ln(1 + SUV).
SUV_STEP = 0.015
#: So many places of lung and of body are carried along.
PLACES = 5_000
VERSION = 1


def save(coarse: Sequence[Case], fine: Sequence[FineCase], path: Path) -> int:
    """Write both sets of cases, whole or not at all; returns the size in bytes."""
    held: dict[str, Array] = {}
    about: dict[str, object] = {"version": VERSION, "coarse": [], "fine": []}
    for case in coarse:
        key = f"coarse/{case.name}"
        held[f"{key}/ct"] = _stepped(case.ct, *COARSE_STEPS)
        held[f"{key}/label"] = case.label
        held[f"{key}/body"] = np.packbits(case.body.ravel())
        held[f"{key}/clicks"] = case.clicks
        if case.suv is not None:
            held[f"{key}/suv"] = _stepped(np.log1p(case.suv.astype(np.float32)), 0.0, SUV_STEP)
        about["coarse"].append({"name": case.name})  # type: ignore[attr-defined]
    for one in fine:
        key = f"fine/{one.name}"
        held[f"{key}/hu"] = _stepped(one.hu, *(BOX_STEPS if one.boxed else WHOLE_STEPS))
        held[f"{key}/label"] = one.label
        for field in ("spacing_mm", "lesions"):
            held[f"{key}/{field}"] = getattr(one, field)
        for field in ("lung", "body"):
            held[f"{key}/{field}"] = _some(getattr(one, field))
        about["fine"].append(  # type: ignore[attr-defined]
            {"name": one.name, "patient": one.patient, "boxed": one.boxed}
        )
    packed = {name: _squeezed(array) for name, array in held.items()}
    packed["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with written_whole(path) as file:
        np.savez(file, allow_pickle=False, **packed)
    return path.stat().st_size


def load(path: Path) -> tuple[tuple[Case, ...], tuple[FineCase, ...]]:
    """Both sets of cases.

    Raises:
        InputError: no such file, or not one of these.
    """
    if not path.is_file():
        raise InputError("no such file", where=path, remedy="pack it where the images are")
    with np.load(path, allow_pickle=False) as stored:
        if "about" not in stored.files:
            raise InputError("holds no packed cases", where=path)
        about = json.loads(stored["about"].tobytes())
        if about["version"] != VERSION:
            raise InputError(f"is of version {about['version']}", where=path, remedy="pack anew")
        coarse = tuple(_coarse(stored, entry["name"]) for entry in about["coarse"])
        fine = tuple(_fine(stored, **entry) for entry in about["fine"])
    return coarse, fine


def _coarse(stored: np.lib.npyio.NpzFile, name: str) -> Case:
    key = f"coarse/{name}"
    label = _opened(stored[f"{key}/label"])
    count = label.size
    suv = None
    if f"{key}/suv" in stored.files:
        logarithm = _read(_opened(stored[f"{key}/suv"]), 0.0, SUV_STEP, name)
        suv = np.expm1(np.maximum(logarithm, 0.0)).astype(np.float16)
    ct = np.rint(_read(_opened(stored[f"{key}/ct"]), *COARSE_STEPS, name)).astype(np.int16)
    body = np.unpackbits(_opened(stored[f"{key}/body"]), count=count).reshape(label.shape) > 0
    return Case(name, ct, suv, label, body, _opened(stored[f"{key}/clicks"]))


def _fine(stored: np.lib.npyio.NpzFile, name: str, patient: str, boxed: bool) -> FineCase:
    key = f"fine/{name}"
    steps = BOX_STEPS if boxed else WHOLE_STEPS
    hu = np.rint(_read(_opened(stored[f"{key}/hu"]), *steps, name)).astype(np.int16)
    rest = {
        field: _opened(stored[f"{key}/{field}"])
        for field in ("label", "spacing_mm", "lesions", "lung", "body")
    }
    return FineCase(name, patient, hu=hu, boxed=boxed, **rest)


def _stepped(values: Array, low: float, step: float) -> Array:
    steps = np.rint((values.astype(np.float32) - low) / step)
    return np.asarray(np.clip(steps, 0, 255), np.uint8)


def _read(steps: Array, low: float, step: float, name: str) -> Array:
    """Values anywhere within their step; the same in every run."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    noise = rng.random(steps.shape, dtype=np.float32) - np.float32(0.5)
    inner = np.where((steps > 0) & (steps < 255), noise, np.float32(0.0))
    return np.asarray(low + step * (steps.astype(np.float32) + inner), np.float32)


def _some(places: Array) -> Array:
    if len(places) > PLACES:
        places = np.random.default_rng(0).choice(places, PLACES, replace=False)
    return np.sort(places)


def _squeezed(array: Array) -> Array:
    # Rows run along the first axis of an image: in its own order neighbours lie together.
    stream = io.BytesIO()
    np.save(stream, np.asfortranarray(array) if array.ndim == 3 else array, allow_pickle=False)
    return np.frombuffer(bz2.compress(stream.getvalue()), np.uint8)


def _opened(squeezed: Array) -> Array:
    array = np.load(io.BytesIO(bz2.decompress(squeezed.tobytes())), allow_pickle=False)
    return np.ascontiguousarray(array)
