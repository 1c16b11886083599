"""Dask's workers: some of this machine, or those of a scheduler that runs already."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.orchestration import circumstances

BYTES_PER_WORKER = 2 * 2**30
"""Memory of a worker and the run that it holds; measured in docs/scale.md."""
SECONDS_TO_ANSWER = 10.0
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
}
"""Dask's options on this machine: jobs are processes of their own, so that to sample
its own threads a hundred times a second tells nothing and takes 4 % of two busy
cores."""


def workers_of(
    cores: int,
    memory: int,
    gpus: int = 0,
) -> int:
    """How many workers a machine can take: one per GPU, else one per core; no more than
    its memory holds, of `BYTES_PER_WORKER` each.

    Args:
        cores: of the processor.
        memory: bytes.
        gpus: 0: the processor does the work.
    """
    return max(1, min(gpus or cores, memory // BYTES_PER_WORKER))


@contextmanager
def connected(scheduler: str | None, workers: int | None) -> Iterator[Any]:
    """A Dask client: of a cluster of this machine's, closed at the end, or of
    `scheduler`.

    Args:
        scheduler: an address such as tcp://host:8786, or a scheduler's JSON file.
        workers: how many of this machine's; None: as many as it can take.

    Raises:
        ConfigurationError: a scheduler that doesn't answer, has no workers, or whose
            workers run other versions.
    """
    if scheduler is not None:
        if workers is not None:
            raise ConfigurationError(
                "--jobs is for this machine; a scheduler has its own workers: leave"
                " it out"
            )
        with _client_of(scheduler) as client:
            _check_versions(client)
            yield client
        return
    import dask
    from distributed import Client

    with dask.config.set(QUIET), _local(workers) as cluster, Client(cluster) as client:
        client.wait_for_workers(len(cluster.worker_spec))
        yield client


def dashboard(client: Any) -> str | None:
    """The address of the scheduler's page; None where it has none, because bokeh is not
    installed there."""
    services = client.scheduler_info(n_workers=0).get("services", {})
    address: str | None = client.dashboard_link if "dashboard" in services else None
    return address


def _client_of(scheduler: str) -> Any:
    from distributed import Client

    # Of a scheduler that is lost, the engine tells in a line.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    if scheduler.endswith(".json"):
        if not Path(scheduler).is_file():
            raise ConfigurationError(
                f"scheduler file {scheduler} is missing; a running scheduler writes it"
            )
        given: dict[str, Any] = {"scheduler_file": scheduler}
    else:
        given = {"address": scheduler}
    try:
        client = Client(**given, timeout=SECONDS_TO_ANSWER)
    except (OSError, ValueError, TimeoutError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigurationError(
            f"no Dask scheduler answers at {scheduler}: {reason}"
        ) from error
    if not client.scheduler_info(n_workers=-1)["workers"]:
        client.close()
        raise ConfigurationError(
            f"the scheduler at {scheduler} has no workers; start some: dask worker"
            f" {scheduler}"
        )
    return client


def _check_versions(client: Any) -> None:
    """Every worker has to run this code: results must not depend on where a cell
    runs."""
    ours = code_version()
    found = client.run(code_version)
    for worker, theirs in found.items():
        if theirs != ours:
            raise ConfigurationError(
                f"worker {worker} runs {theirs}, this is {ours}; give all the same"
            )


def code_version() -> str:
    """Python, the libraries that results hang on, and a hash of this package's code."""
    import hashlib

    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return f"{circumstances.versions()}, code {digest.hexdigest()[:10]}"


def _local(workers: int | None) -> Any:
    """A cluster of single-threaded worker processes on this machine."""
    from dask.system import CPU_COUNT
    from distributed import Nanny, Scheduler, SpecCluster
    from distributed.system import MEMORY_LIMIT

    gpus = visible_gpus()
    # Dask's figures are what a container or a batch job may use of the machine.
    number = workers or workers_of(CPU_COUNT, MEMORY_LIMIT, len(gpus))
    specification = {}
    for index in range(number):
        options: dict[str, Any] = {
            "nthreads": 1,
            "memory_limit": 0,
            "preload": ["oer_pipeline.studies.ignore_interrupts"],
            "env": {"OMP_NUM_THREADS": "1"},
        }
        if gpus:
            options["env"]["CUDA_VISIBLE_DEVICES"] = gpus[index % len(gpus)]
        specification[index] = {"cls": Nanny, "options": options}
    scheduler = {
        "cls": Scheduler,
        "options": {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"},
    }
    return SpecCluster(workers=specification, scheduler=scheduler)


def visible_gpus() -> list[str]:
    """This machine's GPUs as CUDA names them; asked of nvidia-smi, so that no CUDA is
    set up here."""
    import shutil
    import subprocess

    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is not None:
        return [name for name in told.split(",") if name]
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    found = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return found.stdout.split() if found.returncode == 0 else []
