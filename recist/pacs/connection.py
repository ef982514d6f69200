"""A connection to the archive of an address, by the protocol that it speaks."""

from __future__ import annotations

from imaging.errors import InputError
from recist.pacs.archive import ArchiveConnection
from recist.pacs.remote import Remote


def connected(remote: Remote) -> ArchiveConnection:
    """The archive of an address.

    Raises:
        InputError: the extra ``pacs`` is not installed.
    """
    try:
        if remote.is_web:
            from recist.pacs.dicomweb import WebArchive  # noqa: PLC0415 - an extra

            return WebArchive(remote)
        from recist.pacs.dimse import DimseArchive  # noqa: PLC0415 - an extra

        return DimseArchive(remote)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed", remedy="pip install 'recist[pacs]'"
        ) from error
