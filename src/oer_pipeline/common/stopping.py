"""Ctrl-C and SIGTERM end a command soon, and in order.

Whatever runs gets a `Stopped`, a `SystemExit` with the status that shells expect, 130
and 143, and with it the time to write a checkpoint and to stop what it has started.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SECONDS = 4.0
"""After which a process is ended, whatever it is doing."""


class Stopped(SystemExit):
    """What a signal ends a command with; what somebody else's code raises by `sys.exit`
    is another one."""


@contextmanager
def ends_on_signals() -> Iterator[None]:
    """While the block lasts, Ctrl-C and SIGTERM leave it by `Stopped`.

    A second signal changes nothing; a process that is still there after `SECONDS` is
    ended. A signal that the process was started to ignore, as `nohup` does, stays
    ignored, and threads other than the main one leave everything as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in SIGNALS:
        handler = signal.getsignal(number)
        if handler is not signal.SIG_IGN:
            before[number] = handler
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is _end:
                signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    status = 128 + number
    name = signal.Signals(number).name
    # print may be what was interrupted
    os.write(2, f"\nstopped by {name}; the same command goes on\n".encode())
    last = threading.Timer(SECONDS, os._exit, [status])
    last.daemon = True
    last.start()
    gc.freeze()  # the interpreter's last collection takes seconds: all libraries
    raise Stopped(status)
