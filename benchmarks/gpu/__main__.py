"""`python -m benchmarks.gpu`: try and measure everything that needs a GPU, in at most eight minutes.

    python -m benchmarks.gpu [--results FILE]     # on the machine with the GPU; also one STEP or more
    python -m benchmarks.gpu --merge FILE         # elsewhere: write docs/performance.md from that file
    python -m benchmarks.gpu --rehearse           # the same steps, tiny, on a CPU

Needs torch, pytorch-lightning, numpy, pandas, pyarrow and pytest alone. Every step is a process of its own, so that one
that fails, hangs or spoils the device takes nothing with it; its result is written as soon as it is there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu.page import RESULTS, merge
from benchmarks.gpu.steps import STEPS
from oer_pipeline.atomic import atomic_path

LIMIT = 480.0
"""Seconds for all steps together."""
MARK = "RESULT "
"""What the line of a step's output that holds its result starts with."""


def main() -> None:
    given = _arguments()
    if given.merge:
        merge(_read(given.merge))
    elif given.step:
        print(MARK + json.dumps(STEPS[given.step].perform(given.device, given.rehearse)), flush=True)
    else:
        sys.exit(perform(given.names or list(STEPS), given.results, given.device, given.rehearse))


def perform(names: list[str], results: Path, device: str, rehearse: bool) -> int:
    """Each step in turn; 1 if one of them brought no result."""
    _say_what_is_missing(device)
    started, found = time.monotonic(), _read(results) if results.exists() else {}
    failed = 0
    for name in names:
        left = LIMIT - (time.monotonic() - started)
        found[name] = _in_a_process(name, device, rehearse, min(left, STEPS[name].limit))
        failed |= "error" in found[name]
        _write(results, found)
        print(f"{name}: {json.dumps(found[name])[:400]}", flush=True)
    print(f"{len(names)} steps in {time.monotonic() - started:.0f} s: {results}")
    return failed


def _in_a_process(name: str, device: str, rehearse: bool, limit: float) -> dict[str, Any]:
    """The step's result, or `error`."""
    if limit <= 0:
        return {"error": f"not started: the {LIMIT:.0f} s were over"}
    command = [sys.executable, "-m", "benchmarks.gpu", "--step", name, "--device", device]
    command += ["--rehearse"] if rehearse else []
    started = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"not finished within {limit:.0f} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        return {"error": f"exit status {done.returncode}: {(done.stderr or done.stdout)[-2_000:]}"}
    return {**json.loads(lines[-1].removeprefix(MARK)), "seconds": round(time.monotonic() - started, 1)}


def _say_what_is_missing(device: str) -> None:
    """End with one line on a machine without a GPU."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU here; --rehearse tries the same steps on a CPU")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"{path} holds no results ({error}); give it what --results wrote on the other machine")
    if not isinstance(found, dict) or not found.keys() <= STEPS.keys():
        sys.exit(f"{path} holds no results of these steps ({', '.join(STEPS)})")
    return found


def _write(path: Path, found: dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="STEP", help=f"some of {', '.join(STEPS)}; all without")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--merge", type=Path, help="results of another machine; nothing is measured")
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes on a CPU; says that the steps work")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help=argparse.SUPPRESS)
    parser.add_argument("--step", choices=tuple(STEPS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in STEPS]
    if unknown:
        parser.error(f"unknown step {unknown[0]!r}; choose from {', '.join(STEPS)}")
    if given.rehearse:
        given.device = "cpu"
    return given


if __name__ == "__main__":
    main()
