"""An archive as the user names it, and who he is there."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from imaging.errors import InputError

#: Where passwords come from: never from the command line, which other users of a machine can see.
PASSWORD, TOKEN = "RECIST_PACS_PASSWORD", "RECIST_PACS_TOKEN"
OUR_AE_TITLE = "RECIST"
#: AE titles have at most 16 characters (PS3.5, table 6.2-1: AE).
LONGEST_AE_TITLE = 16
_SCHEMES = {"dicom": False, "dicoms": True, "http": False, "https": True}


@dataclass(frozen=True, slots=True)
class Remote:
    """An archive.

    Attributes:
        url: ``dicom://AETITLE@host:port``, ``dicoms://`` with TLS, or the root of a DICOMweb
            service, ``https://host/dicom-web``.
        calling: our AE title.
        user: name at the archive; the password stands in the environment.
        ca_file: certificates that are trusted in place of the system's; ``cert_file`` and
            ``key_file``: our own.
        listen_port: where the archive sends what was asked for by C-MOVE; None asks by C-GET.
        timeout_s: of an answer.
    """

    url: str
    calling: str = OUR_AE_TITLE
    user: str = ""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    listen_port: int | None = None
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        remedy = "dicom://AETITLE@host:port, or https://host/dicom-web"
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise InputError(f"{self._shown} is no archive", remedy=remedy)
        if parts.password or (self.is_web and parts.username):
            raise InputError(
                "a password in the address can be seen by others",
                remedy=f"give --user and set {PASSWORD}",
            )
        if not self.is_web and not (parts.username and _port(self.url)):
            raise InputError(f"{self._shown} names no AE title or no port", remedy=remedy)
        for title in (self.calling, "" if self.is_web else self.ae_title):
            if len(title) > LONGEST_AE_TITLE or "\\" in title:
                raise InputError(f"{title!r} is no AE title", remedy="at most 16 characters")
        if self.listen_port is not None and self.is_web:
            raise InputError("C-MOVE is no part of DICOMweb", remedy="leave --listen out")
        for path in (self.ca_file, self.cert_file, self.key_file):
            if path is not None and not path.is_file():
                raise InputError("no such file", where=path)

    @property
    def _shown(self) -> str:
        """The address without what stands before the host."""
        return self.url.rsplit("@", maxsplit=1)[-1] if "://" in self.url else self.url

    @property
    def is_web(self) -> bool:
        return urlsplit(self.url).scheme in ("http", "https")

    @property
    def is_encrypted(self) -> bool:
        return _SCHEMES[urlsplit(self.url).scheme]

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return _port(self.url) or 0

    @property
    def ae_title(self) -> str:
        return urlsplit(self.url).username or ""

    @property
    def name(self) -> str:
        """For messages."""
        return self.url if self.is_web else f"{self.ae_title} at {self.host}:{self.port}"

    @property
    def password(self) -> str:
        return os.environ.get(PASSWORD, "")

    @property
    def token(self) -> str:
        return os.environ.get(TOKEN, "")

    def tls(self) -> ssl.SSLContext:
        """The archive's certificate is always checked, and its name."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (ssl.SSLError, OSError) as error:
            what = f"certificates that cannot be used: {error.strerror or error}"
            raise InputError(what, where=self.ca_file or self.cert_file) from error
        return context


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None
