"""What a run is told: where delineations come from, which criteria, whose choices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imaging.errors import InputError
from recist.assessment import time_zero
from recist.course import Event
from recist.criteria.criterion import DEFAULT_CRITERIA, names_of_criteria
from recist.patient.overrides import Override, read_overrides
from recist.protocol import Protocol, effective, load
from recist.table.dated_event import DatedEvent
from recist.table.events import read_events
from recist.table.finding import Finding
from segmentation.bundle import Bundle, load_bundle
from segmentation.inference_quality import InferenceQuality

if TYPE_CHECKING:  # torch comes with them: a run without a network does without
    from recist.tracking import Link
    from segmentation.foreign.model import ForeignModel
    from segmentation.prompted import Models

AUTO = "auto"
#: What is kept of the work of one patient at most, megabytes.
LIMIT_MB = 500.0
#: Names of the labels in a folder of organ label maps.
ORGAN_NAMES = "organs.json"
DICOM = "dicom"
#: Devices that every machine has.
WITHOUT_ASKING = ("auto", "cpu")


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """The settings of a run, with the tables that belong to them already read.

    Attributes:
        lesions: ``auto``, ``dicom`` or a folder of delineations.
        bundle: the network, ours or another model; None without one, which is an error only when
            it is needed.
        own_model: the network is one that the user named: it answers prompts too.
        dicom: write the results as DICOM objects too.
        lung_candidates: list what is round in the lungs beside the lesions, for a reader.
        cache_mb: what the work of one patient may take beside the results; None keeps none.
    """

    lesions: str
    criteria: tuple[str, ...]
    protocol: Protocol
    roi_pattern: str | None = None
    device: str = "auto"
    quality: InferenceQuality = InferenceQuality.FAST
    bundle: Bundle | ForeignModel | None = None
    events_file: Path | None = None
    choices_file: Path | None = None
    links_file: Path | None = None
    organs: Path | None = None
    own_model: bool = False
    dicom: bool = False
    lung_candidates: bool = False
    cache_mb: float | None = LIMIT_MB
    _events: dict[str, tuple[DatedEvent, ...]] = field(default_factory=dict)
    _choices: dict[str, dict[str, Override]] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        *,
        lesions: str = AUTO,
        criteria: Sequence[str] = DEFAULT_CRITERIA,
        protocol: str = "recist11-eortc",
        roi_pattern: str | None = None,
        device: str = "auto",
        quality: str = "fast",
        model: Path | None = None,
        trusted: bool = False,
        events: Path | None = None,
        overrides: Path | None = None,
        links: Path | None = None,
        organs: Path | None = None,
        dicom: bool = False,
        lung_candidates: bool = False,
        cache_mb: float | None = LIMIT_MB,
    ) -> Options:
        """Read and check everything before the first image is touched.

        Raises:
            InputError: an unknown criterion, protocol, device or quality, or a pattern, table or
                bundle that cannot be used.
        """
        if lesions not in (AUTO, DICOM) and not Path(lesions).is_dir():
            raise InputError(
                f"--lesions {lesions}", remedy="auto, dicom, or a folder of delineations"
            )
        names = names_of_criteria(criteria)
        if roi_pattern is not None:
            from recist.patient.lesion_names import compiled  # noqa: PLC0415 - SciPy comes with it

            compiled(roi_pattern)
        if device not in WITHOUT_ASKING:
            from segmentation.processor import choose_device  # noqa: PLC0415 - as above

            choose_device(device)
        if quality not in tuple(InferenceQuality):
            raise InputError(f"--quality {quality}", remedy=f"one of {', '.join(InferenceQuality)}")
        if organs is not None and not (organs / ORGAN_NAMES).is_file():
            raise InputError(f"no {ORGAN_NAMES} with the names of the labels", where=organs)
        for path in (events, overrides, links):
            if path is not None and not path.is_file():
                raise InputError("no such file", where=path)
        if links is not None:
            from recist.tracking import read_links  # noqa: PLC0415 - SciPy comes with it

            read_links(links, "")
        return cls(
            lesions=lesions,
            criteria=names,
            protocol=load(protocol),
            roi_pattern=roi_pattern,
            device=device,
            quality=InferenceQuality(quality),
            bundle=_bundle(model, trusted=trusted, needed=lesions == AUTO or model is not None),
            events_file=events,
            choices_file=overrides,
            links_file=links,
            organs=organs,
            own_model=model is not None,
            dicom=dicom,
            lung_candidates=lung_candidates,
            cache_mb=cache_mb,
            _events=_read(events) if events else {},
            _choices=read_overrides(overrides) if overrides else {},
        )

    @property
    def lesions_folder(self) -> Path | None:
        """The folder of delineations, None where they come from elsewhere."""
        return None if self.lesions in (AUTO, DICOM) else Path(self.lesions)

    @property
    def source(self) -> str:
        """Who delineated, for the tables."""
        if self.bundle and self.lesions == AUTO:
            return self.bundle.source
        # By its name only: folders may be called after the patient.
        return self.lesions if self.lesions_folder is None else self.lesions_folder.name

    def required_bundle(self) -> Bundle | ForeignModel:
        """The network.

        Raises:
            InputError: there is none.
        """
        return self.bundle if self.bundle is not None else load_bundle()

    def models(self) -> Models:
        """The networks that answer a prompt; a model of other people sees none.

        Raises:
            InputError: there is none.
        """
        from segmentation.prompted import Models  # noqa: PLC0415 - as above

        own = self.required_bundle() if self.own_model else None
        return Models.only(own) if isinstance(own, Bundle) else Models.shipped()

    def day_zero(self, subject: str, first_scan: dt.date) -> dt.date:
        """The date from which days and durations count: see :func:`time_zero`."""
        known = ((event.when, event.kind) for event in self._events.get(subject, ()))
        return dt.date.fromordinal(time_zero(known, first_scan.toordinal(), self.protocol))

    def events(self, subject: str, zero: dt.date) -> tuple[Event, ...]:
        """The events of a subject in days from ``zero``, in order."""
        found = sorted(self._events.get(subject, ()), key=lambda event: event.when)
        return tuple(Event(event.when - zero.toordinal(), event.kind) for event in found)

    def choices(self, subject: str) -> dict[str, Override]:
        return self._choices.get(subject, {})

    def links(self, subject: str) -> tuple[Link, ...]:
        if not self.links_file:
            return ()
        from recist.tracking import read_links  # noqa: PLC0415 - SciPy comes with it

        return read_links(self.links_file, subject)

    def unknown_subjects(self, known: Collection[str]) -> tuple[str, ...]:
        """A line per table that names subjects who are not there: a slip, or another study."""
        tables = ((self.events_file, self._events), (self.choices_file, self._choices))
        return tuple(
            f"{path.name}: no images of {', '.join(sorted(set(named) - set(known)))}"
            for path, named in tables
            if path is not None and set(named) - set(known)
        )

    def files(self) -> tuple[Path, ...]:
        """Files beside the images that the results depend on."""
        named = (self.events_file, self.choices_file, self.links_file)
        folders = [folder for folder in (self.lesions_folder, self.organs) if folder is not None]
        inside = (path for folder in folders for path in folder.rglob("*"))
        return (*(path for path in named if path), *(path for path in inside if path.is_file()))

    def model_record(self) -> dict[str, object] | None:
        """Name, version and hash of the network, None without one."""
        if self.bundle is None:
            return None
        return {
            "name": self.bundle.name,
            "version": self.bundle.version,
            "sha256": self.bundle.sha256,
            "device": self.device,
        }

    def as_dict(self) -> dict[str, object]:
        """For the record of a run, and to tell whether an earlier result still holds."""
        return {
            "lesions": self.lesions,
            "criteria": list(self.criteria),
            "roi_pattern": self.roi_pattern,
            "device": self.device,
            "quality": str(self.quality),
            "lung_candidates": self.lung_candidates,
            "organs": str(self.organs) if self.organs else None,
            "protocol": effective(self.protocol),
        }


def _read(events: Path) -> dict[str, tuple[DatedEvent, ...]]:
    """The events, all of which have to be readable: a lost death would move the end points.

    Raises:
        InputError: naming the first row that cannot be read.
    """
    findings: list[Finding] = []
    known = read_events(events, has_dates=True, findings=findings)
    if findings:
        told = findings[0]
        raise InputError(told.what, where=f"{events.name}, row {told.row}", remedy=told.remedy)
    return known


def _bundle(model: Path | None, *, trusted: bool, needed: bool) -> Bundle | ForeignModel | None:
    try:
        if model is None:
            return load_bundle()
        from segmentation.foreign.model import open_model  # noqa: PLC0415 - as above

        return open_model(model, trusted=trusted)
    except InputError:
        if needed:
            raise
        return None
