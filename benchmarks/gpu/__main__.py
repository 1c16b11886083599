"""`python -m benchmarks.gpu`: try and measure everything that needs a GPU, in at most
eight minutes.

    python -m benchmarks.gpu [--results FILE]     # on the machine with the GPU; also
        one STEP or more
    python -m benchmarks.gpu --merge FILE         # elsewhere: write docs/performance.md
        from that file
    python -m benchmarks.gpu --rehearse           # the same steps, tiny, on a CPU

Needs torch, pytorch-lightning, numpy, pandas, pyarrow and pytest alone. Every step is a
process of its own, so that one that fails, hangs or spoils the device takes nothing
with it; its result is written as soon as it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu.page import RESULTS, merge
from benchmarks.gpu.steps import MARK, STEPS, tell
from oer_pipeline.common.atomic import write_atomic

LIMIT = 480.0
"""Seconds for all steps together."""


def main() -> None:
    given = _arguments()
    if given.merge:
        _merge(given.merge)
    elif given.step:
        tell(STEPS[given.step].perform(given.device, given.rehearse))
    else:
        sys.exit(
            perform(
                given.names or list(STEPS), given.results, given.device, given.rehearse
            )
        )


def perform(names: list[str], results: Path, device: str, rehearse: bool) -> int:
    """Each step in turn; 1 if one of them brought no result."""
    _say_what_is_missing(device)
    started, found = time.monotonic(), _read(results) if results.exists() else {}
    failed = 0
    for name in names:
        left = LIMIT - (time.monotonic() - started)
        found[name] = _in_a_process(
            name, device, rehearse, min(left, STEPS[name].limit)
        )
        failed |= "error" in found[name]
        _write(results, found)
        print(f"{name}: {json.dumps(found[name])[:400]}", flush=True)
    print(f"{len(names)} steps in {time.monotonic() - started:.0f} s: {results}")
    return failed


def _merge(path: Path) -> None:
    results = _read(path)
    if any(result.get("rehearsal") for result in results.values()):
        sys.exit(f"{path} is a rehearsal on a CPU: nothing in it is a measurement")
    try:
        merge(results)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        sys.exit(f"{path} holds no results of a run ({type(error).__name__}: {error})")


def _in_a_process(
    name: str, device: str, rehearse: bool, limit: float
) -> dict[str, Any]:
    """The step's result as far as it came, with `error` if it did not come to its
    end."""
    if limit <= 0:
        return {"error": f"not started: the {LIMIT:.0f} s were over"}
    command = [
        sys.executable,
        "-m",
        "benchmarks.gpu",
        "--step",
        name,
        "--device",
        device,
    ]
    command += ["--rehearse"] if rehearse else []
    started, error = time.monotonic(), ""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            told, complained = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # and what it has started
            told, complained = process.communicate()
            error = f"not finished within {limit:.3g} s"
    lines = [line for line in told.splitlines() if line.startswith(MARK)]
    if not error and (process.returncode or not lines):
        error = f"exit status {process.returncode}: {(complained or told)[-2_000:]}"
    result = json.loads(lines[-1].removeprefix(MARK)) if lines else {}
    result["seconds"] = round(time.monotonic() - started, 1)
    if rehearse:
        result["rehearsal"] = True
    return {**result, "error": error} if error else result


def _say_what_is_missing(device: str) -> None:
    """End with one line on a machine without a GPU."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU here; --rehearse tries the same steps on a CPU")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        sys.exit(
            f"{path} holds no results ({error}); give it what --results wrote on the"
            " other machine"
        )
    of_steps = isinstance(found, dict) and found.keys() <= STEPS.keys()
    if not of_steps or not all(isinstance(result, dict) for result in found.values()):
        sys.exit(f"{path} holds no results of these steps ({', '.join(STEPS)})")
    return found


def _write(path: Path, found: dict[str, Any]) -> None:
    write_atomic(path, json.dumps(found, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="STEP",
        help=f"some of {', '.join(STEPS)}; all without",
    )
    parser.add_argument(
        "--results",
        type=Path,
        help=f"default {RESULTS.name} beside this command; none to rehearse",
    )
    parser.add_argument(
        "--merge", type=Path, help="results of another machine; nothing is measured"
    )
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="tiny sizes on a CPU; says that the steps work",
    )
    parser.add_argument(
        "--device", default="cuda", choices=("cuda", "cpu"), help=argparse.SUPPRESS
    )
    parser.add_argument("--step", choices=tuple(STEPS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in STEPS]
    if unknown:
        parser.error(f"unknown step {unknown[0]!r}; choose from {', '.join(STEPS)}")
    if given.rehearse:
        given.device = "cpu"
    if given.results is None:
        given.results = (
            Path(tempfile.mkdtemp()) / RESULTS.name if given.rehearse else RESULTS
        )
    return given


if __name__ == "__main__":
    main()
