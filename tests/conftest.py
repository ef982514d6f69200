"""What all test folders share: which tests this machine can run, and real images where at hand.

A test that needs what a machine lacks is left out before it starts, never skipped half-way, and
the last line of the run says how many were and why.
"""

from __future__ import annotations

import gc
import os
import pickle
import re
import shutil
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from imaging.beside import Beside

ROOT = Path(__file__).parents[1]
UNPACK = ROOT.parent / "shared" / "data" / "unpack"

# No deadlines and no complaint about speed: how busy a machine is says nothing about the code.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if "CI" in os.environ else "local")


class InPickles(Beside):
    """What is handed on and given back goes through bytes, as it does between processes."""

    def helps_with(self, work: Callable[..., object], seconds: float) -> bool:
        return pickle.loads(pickle.dumps(work)) is work and seconds > 0

    def shared(self, work: Callable[[Any], Any], tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        sent = pickle.loads(pickle.dumps([(work, task()) for task in tasks]))
        return [pickle.loads(pickle.dumps(do(task))) for do, task in sent]


@pytest.fixture
def beside() -> Beside:
    """Another process, here."""
    return InPickles()


def real_images_at_hand(_: pytest.Config) -> bool:
    return "RECIST_DATA" in os.environ or UNPACK.exists()


def services_wanted(config: pytest.Config) -> bool:
    return bool(config.getoption("--services"))


def posix(_: pytest.Config) -> bool:
    return os.name == "posix"


def cuda_device_at_hand(_: pytest.Config) -> bool:
    import torch  # noqa: PLC0415 - loads for seconds: only where a test asks

    return torch.cuda.is_available()


def nnunet_installed(_: pytest.Config) -> bool:
    return find_spec("nnunetv2") is not None


def pango_at_hand(_: pytest.Config) -> bool:
    return find_library("pangoft2-1.0") is not None


#: Marker -> (whether its tests run, what they lack otherwise). Naming it with -m decides alone.
NEEDS: Mapping[str, tuple[Callable[[pytest.Config], bool], str]] = {
    "data": (real_images_at_hand, "real images: set RECIST_DATA"),
    "gpu": (cuda_device_at_hand, "a CUDA device"),
    "browser": (services_wanted, "Chromium: --services"),
    "pacs": (services_wanted, "Orthanc: --services"),
    "database": (services_wanted, "PostgreSQL: --services"),
    "paper": (pango_at_hand, "the library Pango"),
    "nnunet": (nnunet_installed, "the package nnunetv2"),
    "posix": (posix, "a POSIX system"),
    "long": (services_wanted, "the long gate: --services"),
    "statistics": (services_wanted, "R: --services"),
}

LEFT_OUT = pytest.StashKey[dict[str, int]]()
#: Under pytest-xdist: the tests that the workers were to run, and those of which a result came.
TO_RUN = pytest.StashKey[set[str]]()
CAME = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # what is collected stays: see pytest_collection_finish
    config.stash[TO_RUN], config.stash[CAME] = set(), set()
    config.pluginmanager.register(_Results(config))


class _Results:
    """Notes the tests of which a result came, so that a worker that dies loses none in silence."""

    def __init__(self, config: pytest.Config) -> None:
        self._came = config.stash[CAME]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._came.add(report.nodeid)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--services",
        action="store_true",
        help="run the tests that drive Chromium, Orthanc, PostgreSQL and R",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    named = set(re.findall(r"\w+", config.option.markexpr or ""))
    asked = {mark for item in items for mark in NEEDS if item.get_closest_marker(mark)} - named
    lacking = [mark for mark in NEEDS if mark in asked and not NEEDS[mark][0](config)]
    counts: Counter[str] = Counter()
    kept, left = [], []
    for item in items:
        lacks = [mark for mark in lacking if item.get_closest_marker(mark)]
        counts.update(lacks[:1])
        (left if lacks else kept).append(item)
    if left:
        items[:] = kept
        config.hook.pytest_deselected(items=left)
    config.stash[LEFT_OUT] = dict(counts)
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = dict(counts)


def pytest_collection_finish() -> None:
    """Modules and tests live to the end: nothing looks for garbage among their million objects."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips half-way would pass unseen: it fails, and asks for a marker instead."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = "skipped: mark what it needs, see NEEDS of tests/conftest.py"
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Under pytest-xdist the workers collect; each counts the same, one that died counts none."""
    counts = getattr(node, "workeroutput", {}).get("left_out")
    if counts is not None:
        node.config.stash[LEFT_OUT] = counts


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    node.config.stash[TO_RUN].update(ids)


def pytest_unconfigure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or hasattr(config, "workeroutput"):
        return
    counts = config.stash.get(LEFT_OUT, None)
    workers = bool(config.stash[TO_RUN])
    if counts is None and workers:
        terminal.write_line("Left out: not known, every worker died.")
        return
    counts = counts or {}
    listed = [f"{counts[mark]} {mark} ({NEEDS[mark][1]})" for mark in NEEDS if mark in counts]
    lost = len(config.stash[TO_RUN] - config.stash[CAME])
    listed += [f"{lost} not run (a worker died, or the run was stopped)"] if lost else []
    terminal.write_line(f"Left out: {'; '.join(listed) or 'nothing'}.")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real images: ``$RECIST_DATA``, or ``../shared/data`` unpacked once into a cache."""
    given = os.environ.get("RECIST_DATA")
    if given:
        return Path(given)
    cache = ROOT / ".cache" / "data"
    subprocess.run([str(UNPACK), str(cache)], check=True, capture_output=True)
    return cache


@pytest.fixture(scope="session")
def dicom_errors() -> Callable[..., list[str]]:
    """What ``dciodvfy`` of the extra ``test`` holds against a DICOM file, an error a line."""
    folders = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ.get('PATH', '')}"
    validator = shutil.which("dciodvfy", path=folders)
    if validator is None:
        pytest.fail("dciodvfy is not installed: pip install 'recist[test]'")

    def errors(path: Path, *options: str) -> list[str]:
        done = subprocess.run(
            [validator, *options, str(path)], capture_output=True, text=True, check=False
        )
        lines = (done.stdout + done.stderr).splitlines()
        found = [line for line in lines if "Error" in line]
        return found if found or done.returncode == 0 else lines

    return errors


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """What costs seconds to make, made by the first of the workers that asks.

    ``made_once("name", make)`` gives what ``make(folder)`` gave. The folder is everyone's: who
    changes it takes a copy. In the end it must be as it was made, or the worker's last test fails:
    a test of another worker reads it at any time, and fails by chance.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    before: dict[Path, dict[str, tuple[int, int]]] = {}

    def made(name: str, make: Callable[[Path], Any]) -> Any:
        kept, folder = shared / f"{name}.pickle", shared / name
        with FileLock(f"{kept}.lock"):
            if not kept.exists():
                folder.mkdir()
                found = make(folder)
                kept.write_bytes(pickle.dumps((found, _state(folder))))
        found, before[folder] = pickle.loads(kept.read_bytes())
        return found

    yield made
    changed = {
        f"{folder.name}/{name}"
        for folder, state in before.items()
        for name, _ in state.items() ^ _state(folder).items()
    }
    assert not changed, f"shared by all tests, and changed by one: {sorted(changed)[:10]}"


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Time and size of a folder and of all in it; a name that comes or goes changes its folder."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        status = path.stat()
        size = status.st_size if path.is_file() else 0
        found[path.relative_to(folder).as_posix()] = (status.st_mtime_ns, size)
    return found


@pytest.fixture(scope="session")
def trial_report(made_once: Callable[..., Any]) -> tuple[Path, tuple[str, ...]]:
    """The report of a simulated trial with all its tables, and its sentences; to be read."""
    from recist.cohort.simulated import write_trial  # noqa: PLC0415 - pandas and matplotlib
    from recist.cohort.trial import TrialChoices, TrialTables, cohort_file  # noqa: PLC0415

    def make(folder: Path) -> tuple[Path, tuple[str, ...]]:
        tables = write_trial(folder, patients=18, seed=3)
        found = cohort_file(
            tables.measurements,
            folder / "out",
            TrialTables(tables.patients, None, tables.toxicity, tables.quality_of_life),
            TrialChoices(strata=("line",), biomarkers=("pd_l1",)),
            title="A simulated trial",
        )
        assert found.table.exit_code == 0
        return folder / "out", found.sentences

    report: tuple[Path, tuple[str, ...]] = made_once("trial", make)
    return report
