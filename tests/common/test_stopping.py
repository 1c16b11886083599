"""Ctrl-C and SIGTERM end a process soon, in order, and with the status of shells."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from oer_pipeline.common.stopping import ends_on_signals

BEGIN = """
import signal, sys, time
from oer_pipeline.common import stopping
from oer_pipeline.common.stopping import ends_on_signals
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
ORDERLY = """
with ends_on_signals():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        time.sleep(0.3)  # a second signal comes meanwhile
        print("cleaned up", flush=True)
"""
STUBBORN = """
stopping.SECONDS = 0.5
with ends_on_signals():
    while True:
        try:
            print("ready", flush=True)
            time.sleep(60)
        except SystemExit:
            pass
"""
DEAF = """
signal.signal(signal.SIGINT, signal.SIG_IGN)
with ends_on_signals():
    print("ready", flush=True)
    time.sleep(1)
"""


def stopped(code: str, *signals: signal.Signals) -> tuple[int, str, str]:
    """Status and output of a process that gets signals."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for number in signals:
        process.send_signal(number)
        time.sleep(0.1)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_a_process_in_order(number: signal.Signals, status: int) -> None:
    code, out, err = stopped(ORDERLY, number, signal.SIGTERM, signal.SIGINT)
    assert (code, out) == (status, "cleaned up\n")
    assert err == f"\nstopped by {number.name}; the same command goes on\n"


def test_a_process_that_does_not_end_is_ended() -> None:
    code, _, err = stopped(STUBBORN, signal.SIGTERM)
    assert code == 143
    assert "Traceback" not in err


def test_what_was_ignored_stays_ignored() -> None:
    code, _, err = stopped(DEAF, signal.SIGINT)
    assert (code, err) == (0, "")


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with ends_on_signals():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert after == before


def test_threads_change_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def look() -> None:
        with ends_on_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
