"""Processor, memory and GPU of a run: sampled aside, told at its end."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from oer_pipeline.orchestration import machine_metrics
from oer_pipeline.orchestration.machine_metrics import (
    MachineMetrics,
    busy_percentage,
    gpu_values,
    memory_values,
)


def threads() -> int:
    return sum(thread.name == "machine" for thread in threading.enumerate())


def wait_until(holds: Any) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to that")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_metrics, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(machine_metrics, "LONGEST_PAUSE", 0.02)


def test_samples_are_taken_until_the_end(soon: None) -> None:
    before = threads()
    machine = MachineMetrics()
    machine.start()
    wait_until(lambda: len(machine.metrics()) > 30)
    machine.end()
    machine.end()
    wait_until(lambda: threads() == before)
    metrics = machine.metrics()
    names = {metric.key for metric in metrics}
    assert "system/cpu_utilization_percentage" in names
    assert "system/system_memory_usage_megabytes" in names
    times = [metric.timestamp for metric in metrics]
    assert times == sorted(times)
    assert times[0] > 1e12


def test_a_processor_is_as_busy_as_it_was_not_idle() -> None:
    assert busy_percentage((100.0, 50.0), (110.0, 52.0)) == pytest.approx(80.0)
    assert busy_percentage((100.0, 50.0), (100.0, 50.0)) == 0.0
    assert busy_percentage((100.0, 50.0), (101.0, 52.0)) == 0.0  # idle counts coarsely


def test_the_first_sample_knows_what_the_processors_did() -> None:
    """psutil's percentage is 0 at each thread's first question."""
    machine = MachineMetrics()
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    [busy] = [m.value for m in machine.metrics() if "cpu" in m.key]
    assert busy > 0


def test_pauses_double_up_to_a_minute() -> None:
    assert machine_metrics.FIRST_PAUSE == 2.0
    assert machine_metrics.LONGEST_PAUSE == 60.0


def test_the_memory_of_the_process_is_told() -> None:
    values = memory_values()
    assert values["process_memory_usage_megabytes"] > 50
    assert 0 < values["system_memory_usage_percentage"] <= 100


def put_gpu(folder: Path, lines: str, status: int = 0) -> None:
    """A program that answers as NVIDIA's does."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{lines}'\nexit {status}\n")
    program.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_each_gpu_is_told(programs: Path) -> None:
    put_gpu(programs, "37, 1000, 4000, 250.5\\n0, 0, 4000, [N/A]\\n")
    assert gpu_values() == {
        "gpu_0_utilization_percentage": 37.0,
        "gpu_0_memory_usage_megabytes": pytest.approx(1048.576),
        "gpu_0_memory_usage_percentage": 25.0,
        "gpu_0_power_usage_watts": 250.5,
        "gpu_1_utilization_percentage": 0.0,
        "gpu_1_memory_usage_megabytes": 0.0,
        "gpu_1_memory_usage_percentage": 0.0,
    }


def test_an_idle_h100_is_read_as_it_answered(programs: Path) -> None:
    put_gpu(programs, "0, 0, 81559, 71.17\\n")
    assert gpu_values() == {
        "gpu_0_utilization_percentage": 0.0,
        "gpu_0_memory_usage_megabytes": 0.0,
        "gpu_0_memory_usage_percentage": 0.0,
        "gpu_0_power_usage_watts": 71.17,
    }


def test_no_gpu_and_a_driver_that_fails_tell_nothing(programs: Path) -> None:
    assert gpu_values() == {}
    put_gpu(programs, "Failed to initialize NVML\\n", status=9)
    assert gpu_values() == {}
    put_gpu(programs, "No devices were found\\n")
    assert gpu_values() == {}


def test_a_finished_run_has_samples(finished: Any) -> None:
    client = MlflowClient(f"sqlite:///{finished.path}/mlflow.db")
    experiment = client.get_experiment_by_name("test/cheetah_vel_signed/medium")
    [cell] = client.search_runs([experiment.experiment_id], "metrics.seeds > 0")
    name = "system/process_memory_usage_megabytes"
    history = client.get_metric_history(cell.info.run_id, name)
    assert len(history) >= 2  # one under way and the one at the end, at least
    assert [m.step for m in history] == sorted(m.step for m in history)


def test_an_interrupted_run_is_sampled_no_more(project: Any) -> None:
    from oer_pipeline.orchestration import hooks
    from tests.orchestration.test_hostile_tracking import (
        begun,
        client_of,
        context_of,
        runs_of,
    )

    before = threads()
    context_of(project)
    begun(project)
    assert threads() == before + 1
    hooks.end_interrupted()
    wait_until(lambda: threads() == before)
    [run] = runs_of(client_of(project))
    assert run.data.metrics["system/process_memory_usage_megabytes"] > 0
