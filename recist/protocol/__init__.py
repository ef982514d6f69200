"""What a trial chooses: every choice that the papers leave open, as a named setting."""

from recist.protocol.setting import ProtocolError
from recist.protocol.settings import (
    DEFAULT,
    PRESETS,
    SETTINGS,
    Protocol,
    effective,
    from_table,
    load,
    points,
)

__all__ = [
    "DEFAULT",
    "PRESETS",
    "SETTINGS",
    "Protocol",
    "ProtocolError",
    "effective",
    "from_table",
    "load",
    "points",
]
