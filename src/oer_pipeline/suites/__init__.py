"""Environment families, task lists, roll-outs, behaviour policies; `oer/...`
environments for gymnasium."""

from oer_pipeline.suites.environment import register as _register

_register()
