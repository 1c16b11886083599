"""Jobs on Dask's workers: order, failure, excuses, killed workers, stopping."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.locks import is_held
from oer_pipeline.orchestration import circumstances
from oer_pipeline.studies import worker
from oer_pipeline.studies.cluster import connected, workers_of
from oer_pipeline.studies.engine import run
from oer_pipeline.studies.jobs import Job, Status, check
from tests.conftest import Project


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two workers in an empty project; these tests' runs end at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(Project(tmp_path_factory.mktemp("workers") / "project").path)
        patch.setenv("KEDRO_ENV", "elsewhere")
        with connected(None, 2) as made:
            yield made


def check_environment() -> None:
    """A job runs in its grid's environment, whatever a shell says."""
    assert "KEDRO_ENV" not in os.environ


def quiet(_: str) -> None:
    """Takes lines of progress and keeps them to itself."""


def test_jobs_in_an_order_that_cannot_be_are_refused() -> None:
    for jobs, words in (
        ([], "nothing to run"),
        ([Job("a", ()), Job("a", ())], "two jobs are called 'a'"),
        ([Job("a", (), ("b",)), Job("b", ())], "job 'a' waits for 'b'"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            check(jobs)


def test_what_fails_is_told_with_the_end_of_its_log_and_stops_only_what_waits_for_it(
    client: Any,
) -> None:
    lines: list[str] = []
    jobs = [
        Job("broken", ("--no-such-option",)),
        Job("waits", (), ("broken",)),
        Job("waits_too", (), ("waits",)),
        Job("help", ("--help",), folder="mine"),
        Job("excused", ("--oops",), excused="No such option"),
        Job("after_excused", ("--help",), ("excused",)),
    ]
    found = run(jobs, client, lines.append)
    assert found["broken"].status is Status.FAILED
    assert "--no-such-option" in found["broken"].reason
    assert {path.name for path in Path("logs/mine").iterdir()} == {"help.log"}
    assert found["waits"].status is found["waits_too"].status is Status.SKIPPED
    assert found["waits"].reason == found["waits_too"].reason == "broken failed"
    assert found["help"].status is found["after_excused"].status is Status.DONE
    assert found["excused"].status is Status.EXCUSED
    assert "No such option" in found["excused"].reason
    assert lines[0].startswith("6 jobs, 2 workers, about ")
    assert any(line.startswith("failed: broken; ") for line in lines)


class Ended:
    """A child that has ended with `exitcode`."""

    def __init__(self, exitcode: int) -> None:
        self.exitcode = exitcode

    def is_alive(self) -> bool:
        return False


def test_a_job_that_dies_is_tried_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def start(job: Job, log: Path) -> Ended:
        [name, deadly] = job.arguments
        started.append(name)
        log.parent.mkdir(exist_ok=True)
        log.write_text("12:00:00 Node 1 of 2: train\n")
        return Ended(-9 if started.count(name) <= int(deadly) else 0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(worker, "start", start)
    with Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as near:
        found = run(
            [Job("twice", ("twice", "2")), Job("always", ("always", "9"))], near, quiet
        )
    assert found["twice"].status is Status.DONE
    assert found["always"].status is Status.FAILED
    assert (
        "Node 1 of 2: train\nit ended with -9; its whole log is logs/always.log"
        in found["always"].reason
    )
    assert (started.count("twice"), started.count("always")) == (3, 3)


def test_no_worker_is_idle_while_a_job_could_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain and two long jobs beside it, on two workers: a job starts soon after a
    worker is free and what it waits for has ended."""
    running: set[str] = set()
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    most: list[int] = []
    order: list[str] = []

    class Lasting(Ended):
        def __init__(self, name: str, seconds: float) -> None:
            super().__init__(0)
            self.name, self.end = name, time.monotonic() + seconds
            running.add(name)
            began[name] = time.monotonic()
            order.append(name)
            most.append(len(running))

        def is_alive(self) -> bool:
            if time.monotonic() < self.end:
                return True
            running.discard(self.name)
            ended.setdefault(self.name, time.monotonic())
            return False

        def join(self, seconds: float) -> None:
            time.sleep(0.05)

    def start(job: Job, log: Path) -> Lasting:
        [name, seconds] = job.arguments
        return Lasting(name, float(seconds))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(worker, "start", start)
    jobs = [Job("data", ("data", "0.5")), Job("model", ("model", "2"), ("data",))]
    jobs += [Job(name, (name, "4"), ("data",)) for name in ("a", "b")]
    jobs.append(Job("with_model", ("with_model", "2"), ("model",)))
    with Client(
        processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as near:
        found = run(jobs, near, quiet)
    assert {outcome.status for outcome in found.values()} == {Status.DONE}
    assert order[0] == "data"
    assert set(order[1:3]) == {"model", "a"}  # at once, on two workers
    assert max(most) == 2
    # A job that is bound to a worker which is busy with another is late by up to 4 s.
    fourth, fifth = order[3:]
    for job, since in {
        "model": ended["data"],
        "a": ended["data"],
        fourth: ended["model"],
        fifth: min(ended["a"], ended[fourth]),
    }.items():
        assert began[job] - since < 3.0, job


def test_workers_are_as_many_as_cores_memory_and_gpus_allow() -> None:
    gibibyte = 2**30
    assert workers_of(4, 64 * gibibyte) == 4
    assert workers_of(16, 8 * gibibyte) == 4
    assert workers_of(2, gibibyte) == 1
    assert workers_of(16, 64 * gibibyte, gpus=3) == 3
    assert workers_of(16, 4 * gibibyte, gpus=3) == 2


def test_another_function_can_be_a_job_and_its_lock_tells_that_it_runs(
    client: Any, tmp_path: Path
) -> None:
    lock = tmp_path / "locks" / "a.lock"
    module = "tests.studies.test_engine"
    jobs = [
        Job("right", ("2",), call=f"{module}:sleep_for", lock=str(lock)),
        Job("wrong", ("x",), call=f"{module}:sleep_for"),
        Job("environment", (), call=f"{module}:check_environment"),
    ]
    held: list[bool] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            held.append(is_held(lock))

    watcher = threading.Thread(target=watch)
    watcher.start()
    found = run(jobs, client, quiet)
    done.set()
    watcher.join()
    assert found["right"].status is found["environment"].status is Status.DONE
    assert found["wrong"].reason == "Error: 'x' is no number of seconds"
    assert any(held)
    assert not is_held(lock)


def sleep_for(seconds: str) -> None:
    """What a job of the test above does."""
    if not seconds.isdecimal():
        raise ConfigurationError(f"{seconds!r} is no number of seconds")
    time.sleep(int(seconds))


@pytest.mark.parametrize(
    ("scheduler", "words"),
    [
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9"),
        ("nonsense://x", "no Dask scheduler answers at nonsense://x"),
        ("missing.json", "scheduler file missing.json is missing"),
    ],
)
def test_a_scheduler_that_cannot_be_used_is_one_line(
    scheduler: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oer_pipeline.studies.cluster.SECONDS_TO_ANSWER", 1.0)
    with (
        pytest.raises(ConfigurationError, match=words) as caught,
        connected(scheduler, None),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_a_scheduler_has_its_own_workers(client: Any) -> None:
    with (
        pytest.raises(ConfigurationError, match="--jobs is for this machine"),
        connected("tcp://x:1", 2),
    ):
        pass
    address = client.scheduler.address
    with connected(address, None) as other:
        assert (
            run([Job("help", ("--help",))], other, quiet)["help"].status is Status.DONE
        )


def test_workers_with_other_libraries_are_refused(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circumstances, "LIBRARIES", ("torch",))
    with (
        pytest.raises(
            ConfigurationError,
            match=r"worker tcp://\S+ runs python .* give all the same",
        ),
        connected(client.scheduler.address, None),
    ):
        pass


def _grid(
    project: Any, *more: str, jobs: str | None = "--jobs=2"
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kedro", "grid", "default", "--env=test", *more]
    if jobs:
        command.append(jobs)
    return subprocess.Popen(
        command,
        cwd=project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # tests that run in the background are started to ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # type: ignore[arg-type, return-value]
    )


def _below(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def _wait_for(
    text: str, process: subprocess.Popen[str], log: Path, seconds: float = 240.0
) -> None:
    """Until a job's log has a line."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()[0]
        if log.is_file() and text in log.read_text():
            return
        time.sleep(0.2)
    raise AssertionError(f"no {text!r} in {log} after {seconds} s")


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_grid_leaves_no_process_behind_and_goes_on(
    project: Any, stop: signal.Signals
) -> None:
    more = ("--methods=bc", "--params=learner.updates=3000,seeds=0,tasks=2")
    process = _grid(project, *more)
    _wait_for("updates", process, project.path / "logs/default/bc.log")
    children = _below(process)
    assert len(children) > 3
    os.kill(process.pid, stop)
    _, alive = psutil.wait_procs(children, timeout=5.0)
    running = [
        p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE
    ]
    assert not running, [p.cmdline() for p in running]
    assert process.wait(5.0) != 0
    again = _grid(project, *more)
    output, _ = again.communicate(timeout=400)
    assert again.returncode == 0, output
    log = (project.path / "logs/default/data_cheetah_vel_signed.log").read_text()
    assert "4 of 4 nodes were up to date and kept" in log


@pytest.mark.slow
def test_a_killed_worker_changes_no_byte(project: Any, tmp_path: Path) -> None:
    more = (
        "--methods=bc+er_bc",
        "--params=learner.updates=2000,seeds=0,tasks=2,checkpoint_seconds=0.5",
    )
    plain = Project(tmp_path / "plain")
    done = _grid(plain, *more)
    output, _ = done.communicate(timeout=500)
    assert done.returncode == 0, output
    process = _grid(project, *more)
    _wait_for("updates", process, project.path / "logs/default/bc.log")
    workers = [p for p in _below(process) if p.ppid() == process.pid and p.children()]
    os.kill(workers[0].pid, signal.SIGKILL)
    output, _ = process.communicate(timeout=500)
    assert process.returncode == 0, output
    for name, content in plain.files("data/test/07_model_output").items():
        if "/.made/" not in name:
            assert project.files("data/test/07_model_output")[name] == content, name


@pytest.mark.slow
def test_a_lost_scheduler_is_one_line_and_the_same_command_goes_on(
    project: Any,
) -> None:
    """The scheduler is killed in the middle of a cell: the command ends in a line, and
    the workers' jobs are gone within 5 s."""
    more = ("--methods=bc", "--params=learner.updates=3000,seeds=0,tasks=2")
    log = project.path / "logs/default/bc.log"
    with _cluster(project.path) as (address, processes):
        grid = _grid(project, f"--scheduler={address}", *more, jobs=None)
        _wait_for("updates", grid, log)
        [scheduler, worker] = processes
        jobs = _jobs_below(worker)
        assert jobs
        scheduler.kill()
        _, alive = psutil.wait_procs(jobs, timeout=5.0)
        assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
        output, _ = grid.communicate(timeout=20)
        assert grid.returncode == 1
        last = output.strip().splitlines()[-1]
        assert last.startswith(f"Error: the scheduler at {address} was lost")
        assert "Traceback" not in output
    with _cluster(project.path) as (address, _):
        again = _grid(project, f"--scheduler={address}", *more, jobs=None)
        output, _ = again.communicate(timeout=400)
        assert again.returncode == 0, output
    data = (project.path / "logs/default/data_cheetah_vel_signed.log").read_text()
    assert "4 of 4 nodes were up to date and kept" in data


@contextmanager
def _cluster(path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and one worker, started by hand; their address and processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    port = address.rpartition(":")[2]
    dask = [sys.executable, "-m", "dask"]
    begin = [*dask, "scheduler", "--host=127.0.0.1", f"--port={port}", "--no-dashboard"]
    work = [*dask, "worker", address, "--nthreads=1", "--memory-limit=0"]
    started = []
    try:
        for command in (begin, [*work, "--no-dashboard"]):
            process = subprocess.Popen(
                command,
                cwd=path,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            started.append(process)
        with Client(address, timeout=30) as near:
            near.wait_for_workers(1, timeout=60)
        yield address, started
    finally:
        for process in started:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()


def _jobs_below(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """What runs a job: the forked children of a worker's server."""
    found = []
    for process in psutil.Process(worker.pid).children(recursive=True):
        parent = process.parent()
        if parent is not None and "forkserver" in " ".join(parent.cmdline()):
            found.append(process)
    return found
