"""Numbers in DICOM elements by DICOM's grammar, not by Python's, and by name when they are wrong.

Python's ``float`` takes ``4_0``, ``nan``, ``infinity`` and digits of any alphabet; a decimal string
(DS) holds none of these (PS3.5, 6.2).
"""

from __future__ import annotations

import math
import re
from typing import Any

from pydicom.datadict import dictionary_description, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from imaging.errors import HeaderError

#: DS and IS: a decimal number, fixed or floating.
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
#: Kinds of values that are written as numbers, not as text.
BINARY = ("US", "SS", "UL", "SL", "FL", "FD", "US or SS")
_WHOLE = re.compile(r"[+-]?[0-9]+")


def number_of(text: str) -> float | None:
    """The finite number that a decimal or integer string holds; None when it holds none."""
    text = text.strip(" \0")
    value = float(text) if _DECIMAL.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def name_of(keyword: str) -> str:
    """An element as messages name it: ``Dose Grid Scaling (3004,000E)``."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        return keyword
    return f"{dictionary_description(tag)} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of an element as they are written; empty when it is absent or empty."""
    value = _as_it_stands(dataset, keyword)
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace").strip(" \0")
    if isinstance(value, str):
        return tuple(value.split("\\")) if value.strip(" \0") else ()
    if value is None:
        return ()
    parts = value if isinstance(value, (MultiValue, list, tuple)) else [value]
    return tuple(str(getattr(part, "original_string", part)) for part in parts)


def _as_it_stands(dataset: Dataset, keyword: str) -> Any:
    """The value as written where it is text, the numbers where it is binary; None when absent."""
    element = dataset.get_item(keyword) if keyword in dataset else None
    if element is None or not isinstance(element.value, bytes):
        return None if element is None else element.value
    kind = element.VR
    if kind in {None, "UN"}:  # implicit encoding says none
        tag = tag_for_keyword(keyword)
        kind = dictionary_VR(tag) if tag is not None else kind
    return dataset.get(keyword) if kind in BINARY else element.value


def decimals(
    dataset: Dataset, keyword: str, count: int | None = None, *, where: str = ""
) -> tuple[float, ...]:
    """The finite numbers of an element.

    Args:
        count: how many there must be; None for any number, none too.

    Raises:
        HeaderError: it is absent, has another number of values, or one that is no number.
    """
    found = texts(dataset, keyword)
    values = tuple(number_of(text) for text in found)
    known = tuple(value for value in values if value is not None)
    if len(known) != len(values) or count not in (None, len(known)):
        raise _wrong(keyword, found, where)
    return known


def decimal(dataset: Dataset, keyword: str, *, where: str = "") -> float | None:
    """The finite number of an element; None when it is absent.

    Raises:
        HeaderError: it is no number, or several.
    """
    return decimals(dataset, keyword, 1, where=where)[0] if texts(dataset, keyword) else None


def whole(dataset: Dataset, keyword: str, *, where: str = "") -> int | None:
    """The whole number of an element, text or binary; None when it is absent.

    Raises:
        HeaderError: it is no whole number, or several.
    """
    value = _as_it_stands(dataset, keyword)
    if isinstance(value, int):
        return int(value)
    found = texts(dataset, keyword)
    if not found:
        return None
    if len(found) > 1 or not _WHOLE.fullmatch(found[0].strip(" \0")):
        raise _wrong(keyword, found, where)
    return int(found[0])


def _wrong(keyword: str, found: tuple[str, ...], where: str) -> HeaderError:
    shown = "\\".join(found)[:40]
    what = f"is {shown!r}" if found else "is missing"
    return HeaderError(f"{name_of(keyword)} {what}", where=where or None)
