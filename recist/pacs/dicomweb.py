"""An archive that speaks DICOMweb: QIDO-RS, WADO-RS, STOW-RS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pydicom
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset

from recist.pacs.archive import BrokenError, Instance, Outgoing, RefusedError, Sink, Wanted
from recist.pacs.remote import PASSWORD, TOKEN, Remote

#: Answers that may be another in a moment.
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
#: What the others mean for the user.
REFUSALS = {
    401: f"it asks who we are: give --user and {PASSWORD}, or {TOKEN}",
    403: "we may not do this there",
    404: "there is no DICOMweb service, or no such object",
    413: "the object is too large for it",
    507: "its disk is full",
}
DENIALS = (401, 403)
_FIELDS = ("SOPClassUID", "Modality", "StudyDate", "PatientID")


class DeniedError(RefusedError):
    """The archive refuses whatever is asked, not one object alone."""


class WebArchive:
    """An archive behind the root of a DICOMweb service."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        session = requests.Session()
        session.trust_env = False  # no other password than the one that is given
        session.headers["User-Agent"] = "recist"
        if remote.token:
            session.headers["Authorization"] = f"Bearer {remote.token}"
        elif remote.user:
            session.auth = (remote.user, remote.password)
        if remote.is_encrypted:
            remote.tls()  # says what is wrong with the files before anything is sent
        if remote.ca_file is not None:
            session.verify = str(remote.ca_file)
        if remote.cert_file is not None:
            key = str(remote.key_file) if remote.key_file is not None else None
            session.cert = (str(remote.cert_file), key) if key else str(remote.cert_file)
        self._client = DICOMwebClient(
            remote.url.rstrip("/"), session=session, timeout=remote.timeout_s
        )
        self._client.set_http_retry_params(retry=False)  # the caller tries again

    def find(self, wanted: Wanted) -> list[Instance]:
        """Studies, then their instances."""
        filters: dict[str, Any] = {"PatientID": wanted.patient_id}
        if wanted.study_uid:
            filters["StudyInstanceUID"] = wanted.study_uid
        if wanted.since or wanted.until:
            dates = (f"{date:%Y%m%d}" if date else "" for date in (wanted.since, wanted.until))
            filters["StudyDate"] = "-".join(dates)
        found = []
        with self._answering():
            studies = self._client.search_for_studies(search_filters=filters, get_remaining=True)
            for study in map(Dataset.from_json, studies):
                if str(study.get("PatientID", "")).strip() != wanted.patient_id.strip():
                    continue
                uid = str(study.StudyInstanceUID)
                listed = self._client.search_for_instances(uid, fields=_FIELDS, get_remaining=True)
                for each in map(Dataset.from_json, listed):
                    modality = str(each.get("Modality", ""))
                    if wanted.modalities and modality not in wanted.modalities:
                        continue
                    found.append(
                        Instance(
                            wanted.patient_id,
                            uid,
                            str(each.SeriesInstanceUID),
                            str(each.get("SOPClassUID", "")),
                            str(each.SOPInstanceUID),
                            str(study.get("StudyDate", "")),
                            modality,
                        )
                    )
        return found

    def fetch(self, instances: Sequence[Instance], sink: Sink) -> dict[str, str]:
        """Fetch one instance after the other, in the transfer syntax that it is kept in."""
        failed = {}
        for each in instances:
            try:
                with self._answering():
                    held = self._client.retrieve_instance(
                        each.study_uid,
                        each.series_uid,
                        each.sop_instance_uid,
                        media_types=(("application/dicom", "*"),),
                    )
            except DeniedError:
                raise
            except RefusedError as error:
                failed[each.sop_instance_uid] = error.what
                continue
            buffer = BytesIO()
            held.save_as(buffer, enforce_file_format=True)
            sink(each.sop_instance_uid, buffer.getvalue())
        return failed

    def send(self, files: Iterable[Outgoing]) -> Iterator[tuple[Outgoing, str]]:
        """Send one file after the other."""
        for each in files:
            try:
                with self._answering():
                    answer = self._client.store_instances([pydicom.dcmread(each.path)])
            except DeniedError:
                raise
            except RefusedError as error:
                yield each, f"{error.what}: {error.remedy}".rstrip(": ")
            else:
                yield each, _why_not_stored(answer)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Refusals and breaks of HTTP as ours."""
        where = self.remote.name
        try:
            yield
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            what = f"HTTP status {code}"
            if code in TRANSIENT:
                raise BrokenError(what, where=where) from error
            kind = DeniedError if code in DENIALS else RefusedError
            raise kind(what, where=where, remedy=REFUSALS.get(code, "")) from error
        except requests.exceptions.SSLError as error:
            raise DeniedError(
                "its certificate is not trusted",
                where=where,
                remedy="give --ca-file of who signed it",
            ) from error
        except requests.RequestException as error:
            what = f"cannot be reached, or broke the connection off ({type(error).__name__})"
            raise BrokenError(what, where=where, remedy="check address and port") from error


def _why_not_stored(answer: Dataset) -> str:
    for item in answer.get("FailedSOPSequence", ()):
        return f"the archive did not store it (status {int(item.get('FailureReason', 0)):04X})"
    return (
        "" if answer.get("ReferencedSOPSequence") else "the archive did not say that it stored it"
    )
