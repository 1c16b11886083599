"""Imported last by the server that jobs are forked from: what it has imported is kept
out of all garbage collections.

Its memory stays shared with the jobs, and neither server nor jobs look through it again
when they end, which takes seconds on a busy machine.
"""

import gc

gc.freeze()
