"""What a trial chooses: every choice that the papers leave open, as a named setting."""

from imaging.setting import ProtocolError
from recist.protocol.files import PRESETS, from_table, load
from recist.protocol.settings import DEFAULT, SETTINGS, Protocol, effective

__all__ = [
    "DEFAULT",
    "PRESETS",
    "SETTINGS",
    "Protocol",
    "ProtocolError",
    "effective",
    "from_table",
    "load",
]
