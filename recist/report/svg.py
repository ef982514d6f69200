"""Inline SVG: elements as text, every attribute and content escaped."""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape

import numpy as np
import numpy.typing as npt


def tag(name: str, *content: str, **attributes: object) -> str:
    """An element. Content is markup made by this module or :func:`text`; ``_`` in names is ``-``.

    Attributes that are None are left out; floats are written with two digits.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{''.join(content)}</{name}>"


def text(content: str, x: float, y: float, **attributes: object) -> str:
    return tag("text", escape(content), x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def polyline(points: npt.ArrayLike, **attributes: object) -> str:
    """An open line through points (n, 2)."""
    pairs = " ".join(f"{_value(float(x))},{_value(float(y))}" for x, y in np.asarray(points))
    return tag("polyline", points=pairs, fill="none", **attributes)


def drawing(width: float, height: float, *content: str, label: str, class_: str) -> str:
    """A whole picture; ``label`` says in words what it shows."""
    return tag(
        "svg",
        *content,
        viewBox=f"0 0 {_value(width)} {_value(height)}",
        role="img",
        aria_label=label,
        class_=class_,
    )


def png_uri(grey: npt.NDArray[np.uint8]) -> str:
    """An 8-bit grey picture (rows, columns) as a data URI."""
    rows, columns = grey.shape
    lines = np.zeros((rows, columns + 1), dtype=np.uint8)  # each line begins with filter type 0
    lines[:, 1:] = grey
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    body = b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(lines.tobytes(), 9)),
            (b"IEND", b""),
        )
    )
    return "data:image/png;base64," + base64.b64encode(body).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _value(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
