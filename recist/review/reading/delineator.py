"""The network, asked by a reader: one lesion from a click or a line, one at a time."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imaging.errors import InputError
from imaging.volume import Grid, Unit, Volume
from recist.course import Point3
from recist.review.images.image_archive import Archive, Modality
from recist.review.reading.packed_outlines import PackedMask, length_mm, measured
from segmentation.prompted import Models, delineate_prompted
from segmentation.prompts import Click, Line, Prompt

#: An image that is answered quickly, as wide as a window of the networks.
SMALL_SHAPE, SMALL_MM = (64, 64, 32), 3.0
LUNG_HU, TISSUE_HU = -850, 40
WARM_AFTER_S = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Delineator:
    """Answers prompts with the networks that ship; several readers wait for each other."""

    models: Models
    device: str = "auto"
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _once: threading.Lock = field(default_factory=threading.Lock)
    _is_warm: bool = False

    def warm_up(self) -> None:
        """Answer a prompt to each network in a small image of nothing, in the background, once.

        The first answer loads libraries and fits kernels, which a reader does not wait for. It
        begins :data:`WARM_AFTER_S` later, so that the first pictures are served first.
        """
        with self._once:
            if self._is_warm:
                return
            object.__setattr__(self, "_is_warm", True)
        timer = threading.Timer(WARM_AFTER_S, self._answer_nothing)
        timer.daemon = True
        timer.start()

    def _answer_nothing(self) -> None:
        middle = tuple(float(n) * SMALL_MM / 2 for n in SMALL_SHAPE)
        affine = np.diag([SMALL_MM, SMALL_MM, SMALL_MM, 1.0])
        click = Click((middle[0], middle[1], middle[2]))
        for hu in (LUNG_HU, TISSUE_HU):  # who answers depends on what lies around
            image = np.full(SMALL_SHAPE, hu, dtype=np.int16)
            ct = Volume(image, Grid(SMALL_SHAPE, affine), Unit.HU, "warm-up")
            with self._turn, contextlib.suppress(InputError):  # nothing is there to be found
                delineate_prompted(ct, None, click, self.models, device=self.device)

    @classmethod
    def shipped(cls) -> Delineator:
        return cls(Models.shipped())

    def answer(
        self,
        archive: Archive,
        subject: str,
        date: dt.date,
        *,
        click: Point3 | None,
        line: tuple[Point3, Point3] | None,
    ) -> dict[str, Any]:
        """The outline that a prompt means, as a page takes it.

        Raises:
            InputError: there is no CT, a place outside of it, or nothing was found there.
        """
        ct = archive.volume(subject, date, Modality.CT)
        if ct.unit is not Unit.HU:
            raise InputError(
                "the networks read a CT, and this patient has PET alone",
                where=f"{subject} {date}",
                remedy="draw the lesion with the caliper or the brush",
            )
        try:
            suv = archive.volume(subject, date, Modality.PET)
        except InputError:
            suv = None
        if click is not None:
            asked: Prompt = Click(click)
        elif line is not None:
            asked = Line(*line)
        else:
            raise InputError("give a click or a line")
        with self._turn:
            begun = time.perf_counter()
            found = delineate_prompted(ct, suv, asked, self.models, device=self.device)
            seconds = time.perf_counter() - begun
        if not found.candidates:
            raise InputError("no lesion was found there", remedy="draw a line over it instead")
        candidate = found.candidates[0]
        drawn = measured(candidate.mask, candidate.long_axis)
        return {
            **PackedMask.of(candidate.mask).sent(),
            "diameter_mm": length_mm(drawn["long"]),
            "short_mm": length_mm(drawn["short"]),
            "volume_ml": drawn["volume_ml"],
            "long": drawn["long"],
            "short": drawn["short"],
            "source": found.model,
            "remarks": [*found.warnings, *map(str, candidate.flags)],
            "seconds": round(seconds, 2),
        }
