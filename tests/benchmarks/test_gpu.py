"""The command for a GPU: its steps work on a CPU, failures are kept as such, the page
is written from its results."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import figure, updates_per_second
from benchmarks.gpu import __main__ as command
from benchmarks.gpu.page import account, merge
from benchmarks.gpu.steps import STEPS, Step

ROOT = Path(__file__).parents[2]


def rehearse(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "benchmarks.gpu", *arguments]
    return subprocess.run(
        program, capture_output=True, text=True, check=False, cwd=ROOT
    )


def refusal(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """What the command, in this process, ends with."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["benchmarks.gpu", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return str(ended.value.code)


def test_steps_work_and_each_result_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results.json"
    done = rehearse(
        "--rehearse", "--results", str(results), "machine", "captures", "checkpoint"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(results.read_text())
    assert found["machine"]["versions"]["torch"] == torch.__version__
    for learner in ("finetune", "er_dbc"):
        assert found["captures"][learner] == {
            "captured": True,
            "largest_difference": 0.0,
        }
    assert found["checkpoint"]["largest_difference"] == 0.0
    assert refusal(monkeypatch, "--merge", str(results)) == (
        f"{results} is a rehearsal on a CPU: nothing in it is a measurement"
    )


@pytest.mark.slow
def test_every_step_works_on_a_cpu(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    done = rehearse("--rehearse", "--results", str(results))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(results.read_text())
    assert list(found) == list(STEPS)
    assert not [name for name, result in found.items() if "error" in result]


def test_a_step_that_fails_or_hangs_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"machine": 60.0, "lightning": 0.5, "profile": 60.0}
    for name, limit in limits.items():
        monkeypatch.setitem(STEPS, name, Step(STEPS[name].perform, limit))
    start = subprocess.Popen

    def some_fail(program: list[str], **how: Any) -> Any:
        if "profile" in program:
            program = [sys.executable, "-c", "raise RuntimeError('no memory left')"]
        return start(program, **how)

    monkeypatch.setattr(command.subprocess, "Popen", some_fail)
    monkeypatch.chdir(ROOT)
    results = tmp_path / "results.json"
    assert (
        command.perform(["profile", "lightning", "machine"], results, "cpu", True) == 1
    )
    found = json.loads(results.read_text())
    assert "RuntimeError: no memory left" in found["profile"]["error"]
    assert found["lightning"]["error"] == "not finished within 0.5 s"
    assert "error" not in found["machine"]


HANGS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print('RESULT {"first": 1}', flush=True)
print('RESULT {"first": 1, "child": %d}' % child.pid, flush=True)
time.sleep(60)
"""


def test_a_step_that_hangs_keeps_what_it_told_and_leaves_nothing_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = subprocess.Popen

    def hanging(program: list[str], **how: Any) -> Any:
        return start([sys.executable, "-c", HANGS], **how)

    monkeypatch.setattr(command.subprocess, "Popen", hanging)
    found = command._in_a_process("rates", "cpu", True, 3.0)
    assert found["first"] == 1
    assert found["error"] == "not finished within 3 s"
    # A process that was killed takes a moment to go on a busy machine.
    deadline = time.monotonic() + 5.0
    while _is_alive(found["child"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_alive(found["child"])


def _is_alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_no_step_starts_once_the_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LIMIT", 0.0)
    assert command.perform(["machine"], tmp_path / "results.json", "cpu", True) == 1
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["machine"]["error"].startswith("not started: ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="of a machine without a GPU")
def test_without_a_gpu_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(monkeypatch, "--results", str(tmp_path / "results.json"))
    assert said == "torch sees no GPU here; --rehearse tries the same steps on a CPU"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[]",
        '{"other": 1}',
        '{"machine": 5}',
        '{"rates": {"records": [{"x": 1}]}}',
    ],
)
def test_what_is_merged_has_to_be_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content)
    [line] = refusal(monkeypatch, "--merge", str(path)).splitlines()
    assert line.startswith(f"{path} holds no results")


def record(old_tasks: int) -> dict[str, Any]:
    about = {
        "device": "Made-up GPU",
        "precision": "high",
        "versions": {"torch": "1.0"},
        "graph": True,
    }
    size = {
        "learner": "er_dbc",
        "size": updates_per_second.PAPER,
        "old_tasks": old_tasks,
        "members": 5,
    }
    return {**about, **size, "updates_per_second": 2_000.0}


RESULT = {
    "machine": {"device": "Made-up GPU", "versions": {"torch": "1.0"}, "seconds": 3.0},
    "captures": {
        "finetune": {"captured": True, "largest_difference": 2.4e-7},
        "seconds": 9.0,
    },
    "paper_rates": {"records": [record(old) for old in range(5)]},
    "ratios": {
        "figures": [
            {
                "name": "td3bc_vs_plain_eager_gpu",
                "value": 0.08,
                "target": 0.1,
                "better": "lower",
                "met": True,
            }
        ]
    },
    "ensemble": {
        "error": "Traceback (most recent call last):\n  ...\nRuntimeError: no kernel"
    },
}


def test_the_page_and_the_records_are_written_from_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "RECORDS": updates_per_second.RECORDS,
        "RESULTS": figure.RESULTS,
        "PAGE": updates_per_second.PAGE,
    }
    copies = {name: Path(shutil.copy(path, tmp_path)) for name, path in files.items()}
    monkeypatch.setattr(updates_per_second, "RECORDS", copies["RECORDS"])
    monkeypatch.setattr(figure, "RESULTS", copies["RESULTS"])
    before = {entry["name"] for entry in json.loads(copies["RESULTS"].read_text())}
    merge(RESULT, copies["PAGE"])
    page = copies["PAGE"].read_text()
    said = " ".join(page.split())  # lines break anywhere
    assert "**Made-up GPU** (torch 1.0; float32 products: `high`)" in said
    assert (
        "about 6.2 minutes of updates" in said
    )  # 5 x 150,000 updates at 2,000 a second
    assert account(RESULT) in page
    assert "| ensemble | **failed**: RuntimeError: no kernel |" in page
    assert "| captures | finetune: captured True, largest_difference 2.4e-07 |" in page
    after = {entry["name"] for entry in json.loads(copies["RESULTS"].read_text())}
    assert after == before | {"td3bc_vs_plain_eager_gpu"}
