"""Imported last by the server that jobs are forked from: what it has imported is kept
out of all garbage collections.

Its memory stays shared with the jobs, and neither server nor jobs look through it again
when they end, which takes seconds on a busy machine. The source of what it has imported
is read now: jobs run this code, and record its hash, whatever is edited meanwhile.
"""

import gc
import sys

from oer_pipeline.orchestration.module_files import is_ours, keep

for name in sorted(sys.modules):
    if is_ours(name):
        keep(name)
gc.freeze()
