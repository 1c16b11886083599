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
    path = chosen["class"]
    learner = build(path, Learner, chosen["options"])
    for flag in ("replays", "together"):
        if getattr(learner, flag) and not chosen[flag]:
            cause = f"{path} wants {flag}, and its class does not say so"
            right = f"write {flag} = True in the class"
            raise ConfigurationError(f"learners.{chosen['name']}: {cause}; {right}")
    return learner
