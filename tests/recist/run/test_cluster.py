"""Patients on the workers of a cluster: the same results, and no worker poisoned by one of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import distributed
import pytest

from imaging.errors import InputError
from recist.run import cluster
from recist.run.cluster import Cluster, ClusterKind, on_cluster
from recist.run.subject_run import SubjectRun


@dataclass(frozen=True)
class Stub:
    """A patient whose job is a few lines."""

    id: str
    does: str = "ends well"


@dataclass(frozen=True)
class StubOptions:
    device: str = "cpu"
    settings: dict[str, str] = field(default_factory=dict)


def stub_run(subject: Stub, folder: Path, options: StubOptions, resume: bool) -> SubjectRun:
    """What a worker does of a stub: write a mark, and die where it is told to."""
    marks = sorted(folder.parent.glob(f"{subject.id}.try*"))
    (folder.parent / f"{subject.id}.try{len(marks)}").write_text(str(os.getpid()))
    if subject.does == "dies always" or (subject.does == "dies once" and not marks):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return SubjectRun(subject.id, folder.name, "done")


def tries(out: Path, name: str) -> int:
    return len(list(out.glob(f"{name}.try*")))


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cluster, "run_subject", stub_run)
    yield


@pytest.mark.long
def test_a_lost_worker_costs_a_second_try_and_a_bad_patient_itself_alone(
    stubs: None, tmp_path: Path
) -> None:
    does = {2: "dies once", 5: "dies always"}
    subjects = [Stub(f"P{n}", does.get(n, "ends well")) for n in range(12)]
    tasks: Any = [(subject, tmp_path / subject.id) for subject in subjects]
    found = dict(on_cluster(tasks, StubOptions(), False, Cluster(workers=2)))  # type: ignore[arg-type]
    assert sorted(found) == list(range(12))
    assert {n: found[n].state for n in range(12) if found[n].state != "done"} == {5: "failed"}
    assert "its worker was ended 2 times" in str(found[5].failures[0])
    # What a lost worker had finished and not yet told is run again, so P2 may be tried more often.
    assert tries(tmp_path, "P2") >= 2
    assert tries(tmp_path, "P5") == 2


@pytest.mark.long
def test_a_lost_scheduler_is_told_and_what_is_complete_stays(stubs: None, tmp_path: Path) -> None:
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as running:
        tasks: Any = [(Stub(f"P{n}"), tmp_path / f"P{n}") for n in range(400)]
        place = Cluster(scheduler=running.scheduler_address)
        found = on_cluster(tasks, StubOptions(), False, place)  # type: ignore[arg-type]
        done = [next(found)]
        closing = threading.Thread(target=running.close)
        closing.start()
        with pytest.raises(InputError, match=r"scheduler was lost.*--resume"):
            done += found
        closing.join()
    assert 1 <= len(done) < 400


def test_no_scheduler_and_no_worker_are_refused(
    stubs: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    with pytest.raises(InputError, match="no scheduler at tcp://127"):
        next(
            on_cluster(
                [(Stub("P"), tmp_path)],  # type: ignore[list-item]
                StubOptions(),  # type: ignore[arg-type]
                False,
                Cluster(scheduler="tcp://127.0.0.1:9"),
            )
        )
    with pytest.raises(InputError, match="0 workers"):
        Cluster(workers=0)


@pytest.mark.parametrize("kind", [ClusterKind.SLURM, ClusterKind.KUBERNETES])
def test_a_kind_that_is_not_installed_is_named(
    kind: ClusterKind, stubs: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    absent: dict[str, ModuleType | None] = {
        "dask_jobqueue": None,
        "dask_kubernetes": None,
        "dask_kubernetes.operator": None,
    }
    for name, module in absent.items():
        monkeypatch.setitem(__import__("sys").modules, name, module)
    with pytest.raises(InputError, match="pip install dask-"):
        next(on_cluster([(Stub("P"), tmp_path)], StubOptions(), False, Cluster(kind=kind)))  # type: ignore[list-item,arg-type]
