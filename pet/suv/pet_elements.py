"""Elements of a DICOM header as plain values: text, numbers, dates and times, private elements."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from imaging.elements import number_of
from pet.suv.notes import Notes
from pet.suv.suv_errors import InvalidTagError, tag_text

#: TM, also the colons of ACR-NEMA and a dangling point, which real archives hold.
TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(\.\d*)?)?)?")
DATE = re.compile(r"(\d{4})[.]?(\d\d)[.]?(\d\d)")
#: DT down to the hour at least: without it no decay can be computed.
DATE_TIME = re.compile(r"(\d{8})(\d\d(?:\d\d(?:\d\d(?:\.\d*)?)?)?)([+-]\d{4})?")
OFFSET = re.compile(r"([+-])(\d\d)(\d\d)")
#: Fractions of a second beyond microseconds are cut (TM has six digits).
LONGEST_FRACTION = 7


def text(header: Dataset, keyword: str) -> str | None:
    """The element as stripped text; None if it is absent or empty."""
    return _stripped(header.get(keyword))


def _stripped(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace").strip("\0")
    found = "" if value is None else str(value).strip()
    return found or None


def words(header: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a multi-valued element, upper case."""
    value = header.get(keyword)
    if value is None:
        return ()
    values = value if isinstance(value, (MultiValue, list, tuple)) else str(value).split("\\")
    return tuple(str(item).strip().upper() for item in values if str(item).strip())


def number(header: Dataset, keyword: str) -> float | None:
    """The element as a finite number; None if it is absent or empty.

    Raises:
        InvalidTagError: it is not one finite number.
    """
    return _finite(keyword, text(header, keyword))


def numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """The element as so many finite numbers; None if it is absent or empty."""
    found = words(header, keyword)
    if not found:
        return None
    values = tuple(
        value for value in (_finite(keyword, word) for word in found) if value is not None
    )
    if len(values) != count:
        raise InvalidTagError(keyword, f"has {len(values)} values, not {count}")
    return values


def _finite(keyword: str, value: str | None) -> float | None:
    if value is None:
        return None
    found = number_of(value)
    if found is None:
        raise InvalidTagError(keyword, f"is {value!r}, not a number")
    return found


def clock(keyword: str, value: str, notes: Notes) -> dt.timedelta:
    """A TM value as the time since midnight; forms that DICOM forbids are noted."""
    match = TIME.fullmatch(value)
    if match is None:
        raise InvalidTagError(keyword, f"is {value!r}, not a time HHMMSS.FFFFFF")
    hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
    fraction = match.group(4) or ""
    if hours > 23 or minutes > 59 or seconds > 60:
        raise InvalidTagError(keyword, f"is {value!r}, which is no time of the day")
    if ":" in value or fraction == "." or len(fraction) > LONGEST_FRACTION:
        used = f"{hours:02}{minutes:02}{seconds:02}{fraction[:LONGEST_FRACTION].rstrip('.')}"
        notes.adapt(tag_text(keyword), value, used, "not a valid TM", 0.0)
    micro = int(fraction[1:LONGEST_FRACTION].ljust(6, "0"))
    return dt.timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micro)


def date(keyword: str, value: str) -> dt.datetime:
    """A DA value as its midnight."""
    match = DATE.fullmatch(value)
    try:
        year, month, day = (int(part) for part in match.groups()) if match else (0, 0, 0)
        return dt.datetime(year, month, day)
    except ValueError as error:
        raise InvalidTagError(keyword, f"is {value!r}, not a date YYYYMMDD") from error


def date_time(keyword: str, value: str, notes: Notes) -> dt.datetime:
    """A DT value; aware if it states its offset from UTC."""
    match = DATE_TIME.fullmatch(value)
    if match is None:
        raise InvalidTagError(keyword, f"is {value!r}, not a date and time YYYYMMDDHHMMSS")
    day, time, zone = match.groups()
    moment = date(keyword, day) + clock(keyword, time, notes)
    return moment if zone is None else moment.replace(tzinfo=offset(keyword, zone))


def offset(keyword: str, value: str) -> dt.timezone:
    """An offset from UTC such as ``+0200``."""
    match = OFFSET.fullmatch(value)
    if match is None or int(match.group(2)) > 14 or int(match.group(3)) > 59:
        raise InvalidTagError(keyword, f"is {value!r}, not an offset such as +0200")
    span = dt.timedelta(hours=int(match.group(2)), minutes=int(match.group(3)))
    return dt.timezone(-span if match.group(1) == "-" else span)


def on_clock(moment: dt.datetime | None, zone: dt.tzinfo | None) -> dt.datetime | None:
    """A moment on the scanner's clock, without offset; as it reads where the zone is unknown."""
    if moment is None or moment.tzinfo is None or zone is None:
        return None if moment is None else moment.replace(tzinfo=None)
    return moment.astimezone(zone).replace(tzinfo=None)


def moment(
    header: Dataset, name: str, notes: Notes, zone: dt.tzinfo | None = None
) -> dt.datetime | None:
    """``name + Date`` and ``name + Time`` (or ``name + DateTime``) on the scanner's clock.

    Args:
        zone: of that clock; a date and time that states another offset is converted.
    """
    day, time = text(header, f"{name}Date"), text(header, f"{name}Time")
    if time is None:
        both = text(header, f"{name}DateTime")
        found = None if both is None else date_time(f"{name}DateTime", both, notes)
        return on_clock(found, zone)
    day = day or text(header, "SeriesDate") or text(header, "StudyDate")
    if day is None:
        return None
    return date(f"{name}Date", day) + clock(f"{name}Time", time, notes)


@dataclass(frozen=True, slots=True)
class PrivateElement:
    """A vendor's element: group, offset in its block, creator, and the vendor's name."""

    group: int
    element: int
    creator: str
    vendor: str

    @property
    def tag(self) -> str:
        """The tag as the vendors' conformance statements print it."""
        return f"({self.group:04X},10{self.element:02X})"

    def read(self, header: Dataset, vendor: str, notes: Notes) -> str | None:
        """The value in the creator's block; None if it is absent.

        De-identification often removes the creator and leaves the value at its customary place:
        that is accepted with a note for the vendor's own series.
        """
        creators = {
            element.tag.element: str(element.value).strip()
            for element in header.group_dataset(self.group)
            if 0x10 <= element.tag.element <= 0xFF
        }
        for block, creator in creators.items():
            if creator == self.creator:
                return self._at(header, block)
        if 0x10 in creators or vendor != self.vendor:
            return None
        value = self._at(header, 0x10)
        if value is not None:
            notes.doubt(self.tag, f"has no private creator; taken as {self.creator!r}")
        return value

    def _at(self, header: Dataset, block: int) -> str | None:
        element = header.get((self.group, block << 8 | self.element))
        return None if element is None else _stripped(element.value)


#: Date and time that the images are decay corrected to.
SIEMENS_DECAY_TIME = PrivateElement(0x0071, 0x22, "SIEMENS MED PT", "siemens")
GE_DECAY_TIME = PrivateElement(0x0009, 0x0D, "GEMS_PETD_01", "ge")
#: Counts to SUVbw, counts to Bq/ml.
PHILIPS_SUV_SCALE = PrivateElement(0x7053, 0x00, "Philips PET Private Group", "philips")
PHILIPS_ACTIVITY_SCALE = PrivateElement(0x7053, 0x09, "Philips PET Private Group", "philips")


def scale_factor(
    element: PrivateElement, header: Dataset, vendor: str, notes: Notes
) -> float | None:
    """A private scale factor; 0 means absent."""
    found = _finite(element.tag, element.read(header, vendor, notes))
    if found is not None and found < 0.0:
        raise InvalidTagError(element.tag, f"is {found}: a scale factor is positive")
    return found or None
