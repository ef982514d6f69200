"""What a worker of a Dask cluster does when it begins; imported only where Dask is installed."""

from __future__ import annotations

from typing import Any

from distributed import WorkerPlugin

from recist.run.processes import begin_process


class WorkerSetup(WorkerPlugin):
    """Keeps the libraries of a worker to its threads, also of a worker that comes later."""

    name = "recist"

    def setup(self, worker: Any) -> None:
        begin_process(max(1, int(worker.state.nthreads)))
