"""Imported last by the server that jobs are forked from: all code that a run can use is
imported and its source read now.

So jobs run this code, and record its hash, whatever is edited meanwhile. What is
imported is kept out of all garbage collections: its memory stays shared with the jobs,
and neither server nor jobs look through it again when they end, which takes seconds on
a busy machine.
"""

import gc
from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages

import oer_pipeline
from oer_pipeline.orchestration.module_files import PACKAGE, keep

NOT_OF_RUNS = (f"{PACKAGE}.__main__", f"{PACKAGE}.cli", f"{PACKAGE}.studies")

keep(PACKAGE)
for module in walk_packages(oer_pipeline.__path__, f"{PACKAGE}."):
    if not module.name.startswith(NOT_OF_RUNS):
        # An extra that is not installed, a file that is just being written: a run that
        # needs it says so itself.
        with suppress(Exception):
            import_module(module.name)
            keep(module.name)
gc.freeze()
