"""An archive that speaks DIMSE: C-FIND, C-GET or C-MOVE, C-STORE.

Presentation contexts are proposed from what is there: the classes of the instances that were found,
or of the files that are sent. A fixed profile would refuse SEG, RTDOSE and whatever comes next.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import (
    AE,
    ALL_TRANSFER_SYNTAXES,
    AllStoragePresentationContexts,
    _config,
    build_context,
    build_role,
    evt,
)
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from pynetdicom.presentation import PresentationContext

from imaging.errors import InputError
from recist.pacs.archive import BrokenError, Instance, Outgoing, RefusedError, Sink, Wanted
from recist.pacs.remote import Remote

#: Query and retrieval by studies (PS3.4, C.6.2).
FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
MOVE = UID("1.2.840.10008.5.1.4.1.2.2.2")
GET = UID("1.2.840.10008.5.1.4.1.2.2.3")
#: One association proposes at most 128 contexts (PS3.8, 9.3.2); one is the query's own.
MOST_CONTEXTS = 127
SUCCESS, PENDING = 0x0000, (0xFF00, 0xFF01)
#: Statuses of a retrieval (PS3.4, tables C.4-2 and C.4-3).
SOME_FAILED, UNKNOWN_DESTINATION = 0xB000, 0xA801
#: Warnings under which an instance is stored nevertheless (PS3.4, B.2.3).
STORED = (SUCCESS, 0xB000, 0xB006, 0xB007)
#: What the refusals of a store mean (PS3.4, table B.2-1; PS3.7, annex C).
STORE_FAILURES = {
    0x0122: "it does not take this kind of object",
    0x0124: "not authorised",
    0xA7: "it is out of resources: its disk may be full",
    0xA9: "the object does not match its class",
    0xC0: "it cannot understand the object",
}
#: What an instance that cannot be kept here is answered with: out of resources.
OUT_OF_RESOURCES = 0xA700
#: Rejections that may go over in a moment (PS3.8, table 9-21: result 2, transient).
TRANSIENT = 2

# Classes that pynetdicom does not know (newer, or private) are fetched and sent like all others.
_config.UNRESTRICTED_STORAGE_SERVICE = True


class DimseArchive:
    """An archive behind an AE title."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote

    # --- looking ---------------------------------------------------------------------------------

    def find(self, wanted: Wanted) -> list[Instance]:
        """Studies, then their series, then their instances."""
        found = []
        for study in self._query(_study_query(wanted)):
            if str(study.get("PatientID", "")).strip() != wanted.patient_id.strip():
                continue
            for series in self._query(_series_query(study.StudyInstanceUID)):
                modality = str(series.get("Modality", ""))
                if wanted.modalities and modality not in wanted.modalities:
                    continue
                found += [
                    Instance(
                        wanted.patient_id,
                        str(study.StudyInstanceUID),
                        str(series.SeriesInstanceUID),
                        str(image.get("SOPClassUID", "")),
                        str(image.SOPInstanceUID),
                        str(study.get("StudyDate", "")),
                        modality,
                    )
                    for image in self._query(
                        _image_query(study.StudyInstanceUID, series.SeriesInstanceUID)
                    )
                ]
        return found

    def _query(self, identifier: Dataset) -> list[Dataset]:
        """All answers to a query, in an association of its own.

        On a busy machine the thread of pynetdicom that listens between two queries of one
        association takes the first answer to the second for itself, and a series is lost.
        """
        found = []
        with self._associated([build_context(FIND)]) as link:
            for status, item in link.send_c_find(identifier, FIND):
                code = self._status(status)
                if code in PENDING:
                    if item is None:
                        raise BrokenError("an answer cannot be read", where=self.remote.name)
                    found.append(item)
                elif code != SUCCESS:
                    what = f"the query was refused with status {code:04X}"
                    raise RefusedError(what, where=self.remote.name)
        return found

    def _status(self, status: Dataset) -> int:
        """The status of an answer.

        Raises:
            BrokenError: there was none.
        """
        if "Status" not in status:
            raise BrokenError("the connection broke, or no answer came", where=self.remote.name)
        return int(status.Status)

    # --- fetching --------------------------------------------------------------------------------

    def fetch(self, instances: Sequence[Instance], sink: Sink) -> dict[str, str]:
        """Fetch instances of one series by C-GET, or by C-MOVE where we listen."""
        taken = _Taken(sink)
        identifier = _retrieval(instances)
        classes = sorted({each.sop_class_uid for each in instances if each.sop_class_uid})
        if self.remote.listen_port is None:
            self._get(identifier, classes, taken)
        else:
            self._move(identifier, taken)
        if taken.failure is not None:
            raise taken.failure
        return {
            each.sop_instance_uid: "the archive did not send it"
            for each in instances
            if each.sop_instance_uid not in taken.uids
        }

    def _get(self, identifier: Dataset, classes: Sequence[str], taken: _Taken) -> None:
        storage = [build_context(uid, ALL_TRANSFER_SYNTAXES) for uid in classes[:MOST_CONTEXTS]]
        query = build_context(GET)
        roles = [build_role(uid, scp_role=True) for uid in classes[:MOST_CONTEXTS]]
        handlers = [(evt.EVT_C_STORE, taken.store)]
        with self._associated([query, *storage], roles, handlers) as link:
            accepted = {context.abstract_syntax for context in link.accepted_contexts}
            if GET not in accepted:
                raise RefusedError(
                    "the archive refuses C-GET",
                    where=self.remote.name,
                    remedy="fetch by C-MOVE: --listen PORT, and let the archive know of it",
                )
            if not accepted & set(classes):
                raise RefusedError(
                    f"the archive refuses to send {_named(classes[0])}", where=self.remote.name
                )
            answers = link.send_c_get(identifier, GET)
            self._follow(answers, taken)

    def _move(self, identifier: Dataset, taken: _Taken) -> None:
        listener = AE(ae_title=self.remote.calling)
        handlers: Any = [(evt.EVT_C_STORE, taken.store)]
        port = self.remote.listen_port or 0
        try:
            server = listener.start_server(
                ("", port), block=False, evt_handlers=handlers, contexts=_every_storage()
            )
        except OSError as error:
            raise InputError(
                f"cannot listen at port {port}: {error.strerror}", remedy="give another --listen"
            ) from error
        try:
            context = build_context(MOVE)
            with self._associated([context]) as link:
                answers = link.send_c_move(identifier, self.remote.calling, MOVE)
                self._follow(answers, taken)
        finally:
            if server is not None:
                server.shutdown()

    def _follow(self, answers: Iterator[tuple[Dataset, Dataset | None]], taken: _Taken) -> None:
        for status, _ in answers:
            if taken.failure is not None:
                return
            code = self._status(status)
            if code in (*PENDING, SUCCESS, SOME_FAILED):
                continue
            if code == UNKNOWN_DESTINATION:
                raise RefusedError(
                    f"the archive does not know {self.remote.calling} as a destination",
                    where=self.remote.name,
                    remedy="let it know our AE title, host and port; or fetch by C-GET",
                )
            raise RefusedError(f"retrieval refused with status {code:04X}", where=self.remote.name)

    # --- sending ---------------------------------------------------------------------------------

    def send(self, files: Iterable[Outgoing]) -> Iterator[tuple[Outgoing, str]]:
        """Send files by C-STORE, as many classes to an association as fit."""
        kinds: dict[tuple[str, str], list[Outgoing]] = defaultdict(list)
        for each in files:
            kinds[each.sop_class_uid, each.transfer_syntax].append(each)
        listed = sorted(kinds)
        for first in range(0, len(listed), MOST_CONTEXTS):
            some = listed[first : first + MOST_CONTEXTS]
            contexts = [build_context(uid, syntax) for uid, syntax in some]
            with self._associated(contexts) as link:
                accepted = {
                    (str(context.abstract_syntax), str(context.transfer_syntax[0]))
                    for context in link.accepted_contexts
                }
                for kind in some:
                    for each in kinds[kind]:
                        if kind in accepted:
                            yield each, self._store(link, each)
                        else:
                            yield (
                                each,
                                f"the archive refuses {_named(kind[0])} in {_named(kind[1])}",
                            )

    def _store(self, link: Association, file: Outgoing) -> str:
        if not link.is_established:
            raise BrokenError("the connection broke", where=self.remote.name)
        code = self._status(link.send_c_store(pydicom.dcmread(file.path)))
        if code in STORED:
            return ""
        reason = STORE_FAILURES.get(code) or STORE_FAILURES.get(code >> 8) or "it failed"
        return f"the archive did not store it: {reason} (status {code:04X})"

    # --- associating -----------------------------------------------------------------------------

    @contextmanager
    def _associated(
        self,
        contexts: list[PresentationContext],
        roles: Sequence[Any] = (),
        handlers: Sequence[Any] = (),
    ) -> Iterator[Association]:
        """An association, released at the end.

        Raises:
            RefusedError: the archive rejects it, or every context of it.
            BrokenError: it cannot be reached.
        """
        remote = self.remote
        entity = AE(ae_title=remote.calling)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = remote.timeout_s
        entity.connection_timeout = remote.timeout_s
        tls = (remote.tls(), remote.host) if remote.is_encrypted else None
        link = entity.associate(
            remote.host,
            remote.port,
            contexts=contexts,
            ae_title=remote.ae_title,
            ext_neg=[*roles, *self._identity()],
            tls_args=tls,
            evt_handlers=list(handlers),
        )
        if not link.is_established:
            raise self._why_not(link)
        try:
            yield link
        finally:
            _end(link)

    def _identity(self) -> list[UserIdentityNegotiation]:
        if not self.remote.user:
            return []
        identity = UserIdentityNegotiation()
        identity.user_identity_type = 2  # name and passcode (PS3.7, D.3.3.7)
        identity.primary_field = self.remote.user.encode()
        identity.secondary_field = self.remote.password.encode()
        identity.positive_response_requested = False
        return [identity]

    def _why_not(self, link: Association) -> InputError:
        where = self.remote.name
        if link.is_rejected:
            answer = link.acceptor.primitive
            reason = answer.reason_str if answer is not None else "no reason given"
            if answer is not None and answer.result == TRANSIENT:
                return BrokenError(f"the association was rejected for now: {reason}", where=where)
            return RefusedError(
                f"the association was rejected: {reason}",
                where=where,
                remedy="check both AE titles: the archive's, and ours (--calling)",
            )
        if link.acceptor.primitive is not None and not link.accepted_contexts:
            return RefusedError(
                "the archive accepts none of the presentation contexts", where=where
            )
        return BrokenError(
            "cannot be reached, or broke the connection off",
            where=where,
            remedy="check host, port and TLS",
        )


def _end(link: Association) -> None:
    if link.is_established:
        link.release()
    else:
        link.abort()


class _Taken:
    """Takes the instances that the archive sends; the first that cannot be kept stops it."""

    def __init__(self, sink: Sink) -> None:
        self.uids: set[str] = set()
        self.failure: InputError | None = None
        self._sink = sink
        self._one_by_one = threading.Lock()

    def store(self, event: evt.Event) -> int:
        uid = str(getattr(event.request, "AffectedSOPInstanceUID", ""))
        with self._one_by_one:
            if self.failure is not None:
                return OUT_OF_RESOURCES
            try:
                self._sink(uid, event.encoded_dataset())
            except InputError as error:
                self.failure = error
                return OUT_OF_RESOURCES
            self.uids.add(uid)
        return SUCCESS


def _every_storage() -> list[PresentationContext]:
    return [
        build_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES)
        for context in AllStoragePresentationContexts
    ]


def _study_query(wanted: Wanted) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.PatientID = wanted.patient_id
    query.StudyInstanceUID = wanted.study_uid
    query.StudyDate = _range(wanted)
    return query


def _range(wanted: Wanted) -> str:
    if wanted.since is None and wanted.until is None:
        return ""
    since, until = (f"{date:%Y%m%d}" if date else "" for date in (wanted.since, wanted.until))
    return f"{since}-{until}"


def _series_query(study_uid: str) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.StudyInstanceUID = study_uid
    query.SeriesInstanceUID = ""
    query.Modality = ""
    return query


def _image_query(study_uid: str, series_uid: str) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = study_uid
    query.SeriesInstanceUID = series_uid
    query.SOPInstanceUID = ""
    query.SOPClassUID = ""
    return query


def _retrieval(instances: Sequence[Instance]) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = instances[0].study_uid
    query.SeriesInstanceUID = instances[0].series_uid
    query.SOPInstanceUID = [each.sop_instance_uid for each in instances]
    return query


def _named(uid: str) -> str:
    return UID(uid).name
