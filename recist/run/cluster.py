"""Patients on the workers of a Dask cluster: this machine, Slurm, Kubernetes, a running scheduler.

The unit is a patient: what is sent is its catalogue entry (some kB), its results are written by the
worker into the shared folder, and a summary comes back. Workers must see the studies and the output
folder under the same paths, and run the same release of the toolkit.

A worker that is lost has its patient run again elsewhere, once; a patient that ends its worker
twice is named as failed. When the scheduler is lost the run ends with an error; what is complete
stays, and ``--resume`` goes on. See https://distributed.dask.org.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from imaging.errors import InputError
from recist.patient.options import Options
from recist.run.processes import Task
from recist.run.subject_run import SubjectRun, failed, run_subject
from recist.version import __version__

#: Patients under way or waiting at the scheduler for each thread of the cluster.
WAITING_PER_THREAD = 2
#: A patient whose worker is lost this many times is given up.
LOST_WORKERS = 2
GPU = "GPU"
#: How long a scheduler is looked for.
CONNECT_SECONDS = 10


class ClusterKind(StrEnum):
    """Who starts the workers."""

    LOCAL = "local"
    SLURM = "slurm"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where patients are run.

    Attributes:
        scheduler: address of a running scheduler; else workers are started by ``kind``.
        workers: workers on this machine, or the most that a queue is asked for.
        memory: of each worker that is started, as Dask writes it: ``8GiB``, ``auto``.
        gpus: of each worker that is started here; a patient of ``--device cuda`` takes one.
    """

    scheduler: str = ""
    kind: ClusterKind = ClusterKind.LOCAL
    workers: int = 1
    memory: str = "auto"
    gpus: int = 0

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"{self.workers} workers", remedy="give one or more")


def on_cluster(
    tasks: Sequence[Task], options: Options, resume: bool, cluster: Cluster
) -> Iterator[tuple[int, SubjectRun]]:
    """Every patient with its number, as it ends.

    No more patients are handed over than the workers can begin soon, so that memory does not grow
    with their number.

    Raises:
        InputError: Dask is not installed, there is no such scheduler, the workers run another
            release, or the scheduler is lost.
    """
    try:
        import dask  # noqa: PLC0415 - an extra
        import distributed  # noqa: PLC0415

        from recist.run.worker_setup import WorkerSetup  # noqa: PLC0415
    except ImportError as error:
        raise InputError("Dask is not installed", remedy="pip install recist[cluster]") from error
    settings = {
        "distributed.scheduler.allowed-failures": LOST_WORKERS - 1,
        # A patient waits at the scheduler: one that ends its worker takes no other along.
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.comm.retry.count": 2,
    }
    with dask.config.set(settings), ExitStack() as stack:
        client = _client(distributed, cluster, stack)
        try:
            client.register_plugin(WorkerSetup())
            _check_release(client)
            yield from _ended(distributed, client, tasks, options, resume)
        except (distributed.CancelledError, OSError) as error:  # a closed connection is the second
            raise InputError(
                f"the scheduler was lost ({type(error).__name__})",
                remedy="what is complete stays: run again with --resume",
            ) from error


def _ended(
    distributed: Any, client: Any, tasks: Sequence[Task], options: Options, resume: bool
) -> Iterator[tuple[int, SubjectRun]]:
    resources = {GPU: 1} if options.device.startswith("cuda") else None
    numbers: dict[str, int] = {}
    waiting = iter(range(len(tasks)))

    def hand_over(number: int) -> Any:
        # The options travel with each patient: data that lie on a worker are lost with it.
        subject, folder = tasks[number]
        # A name of its own: a patient that is run twice is not taken for one that is known.
        future = client.submit(
            run_subject, subject, folder, options, resume, pure=False, resources=resources,
            retries=0,
        )  # fmt: skip
        numbers[future.key] = number
        return future

    room = WAITING_PER_THREAD * max(1, sum(client.nthreads().values()))
    under_way = distributed.as_completed(
        [hand_over(number) for number in itertools.islice(waiting, room)], loop=client.loop
    )
    for future in under_way:
        number = numbers.pop(future.key)
        if future.status == "cancelled":
            raise distributed.CancelledError(future.key)
        yield number, _result(distributed, future, tasks[number])
        future.release()
        following = next(waiting, None)
        if following is not None:
            under_way.add(hand_over(following))
    if numbers:  # the loop ends without them when the connection does
        raise distributed.CancelledError(f"{len(numbers)} patients")


def _result(distributed: Any, future: Any, task: Task) -> SubjectRun:
    try:
        done: SubjectRun = future.result()
    except distributed.KilledWorker:
        what = f"its worker was ended {LOST_WORKERS} times, probably for want of memory"
        return failed(*task, what, "run it where there is more memory")
    return done


def _client(distributed: Any, cluster: Cluster, stack: ExitStack) -> Any:
    """A client of the scheduler, which is left running where it ran before."""
    if cluster.scheduler:
        try:
            client = distributed.Client(
                cluster.scheduler, timeout=CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise InputError(
                f"no scheduler at {cluster.scheduler}", remedy="start one with dask scheduler"
            ) from error
        return stack.enter_context(client)
    started = stack.enter_context(_started(distributed, cluster))
    return stack.enter_context(distributed.Client(started, set_as_default=False))


def _started(distributed: Any, cluster: Cluster) -> Any:
    if cluster.kind is ClusterKind.LOCAL:
        return distributed.LocalCluster(
            n_workers=cluster.workers,
            threads_per_worker=1,
            memory_limit=cluster.memory,
            host="127.0.0.1",
            dashboard_address=None,
            # Without a dashboard a port is opened all the same, by default always the same one.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            resources={GPU: cluster.gpus} if cluster.gpus else None,
        )
    # Queue, project, image and volumes are the site's: they stand in Dask's own configuration.
    try:
        if cluster.kind is ClusterKind.SLURM:
            from dask_jobqueue import SLURMCluster  # noqa: PLC0415

            made = SLURMCluster()
        else:
            from dask_kubernetes.operator import KubeCluster  # noqa: PLC0415

            made = KubeCluster()
    except ImportError as error:
        package = "dask-jobqueue" if cluster.kind is ClusterKind.SLURM else "dask-kubernetes"
        raise InputError(f"{package} is not installed", remedy=f"pip install {package}") from error
    made.adapt(minimum=1, maximum=cluster.workers)
    return made


def _check_release(client: Any) -> None:
    """Every worker runs the same release: another could answer differently.

    Raises:
        InputError: one does not, with its address.
    """
    client.wait_for_workers(1, timeout="600s")
    other = {place: found for place, found in client.run(_release).items() if found != __version__}
    if other:
        place, found = next(iter(other.items()))
        raise InputError(
            f"the worker {place} runs release {found}, this is {__version__}",
            remedy="install the same release on all workers",
        )


def _release() -> str:
    from recist.version import __version__ as release  # noqa: PLC0415 - of the worker

    return release
