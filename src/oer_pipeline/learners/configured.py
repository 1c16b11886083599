"""The learner that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.loading import build
from oer_pipeline.learners.protocol import Learner


def configured(chosen: Mapping[str, Any]) -> Learner:
    """The learner of `{name, class, replays, together, options}`.

    Raises:
        ConfigurationError: as `loading.build`; it wants what its configuration does not
            give it.
    """
    learner = build(chosen["class"], Learner, chosen["options"])
    for flag in ("replays", "together"):
        if getattr(learner, flag) and not chosen[flag]:
            where, wants = f"learners.{chosen['name']}", f"needs {flag}: true beside it"
            raise ConfigurationError(f"{where}: {chosen['class']} {wants}")
    return learner
