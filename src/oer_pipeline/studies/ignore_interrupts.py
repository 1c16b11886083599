"""Loaded by this machine's Dask workers: Ctrl-C is for the command that started them.

A terminal sends it to all of them. The command stops its workers in order, and these
their jobs.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
