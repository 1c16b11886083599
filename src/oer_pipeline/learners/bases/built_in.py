"""The base learners of this package by name, for those who train without a
configuration."""

from __future__ import annotations

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.common.loading import build
from oer_pipeline.learners.bases.protocol import Base

BUILT_IN: dict[str, str] = {
    "td3bc": "oer_pipeline.learners.bases.td3bc:TD3BC",
    "bc": "oer_pipeline.learners.bases.bc:BehaviourCloning",
    "rebrac": "oer_pipeline.learners.bases.rebrac:ReBRAC",
    "iql": "oer_pipeline.learners.bases.iql:IQL",
}
"""Not imported here: what trains with one of them then does not hang on the code of
the others."""


def built_in(name: str) -> Base:
    """The base learner of that name, with its own defaults.

    Raises:
        ConfigurationError: there is none; one of your own is given as an object.
    """
    if name not in BUILT_IN:
        raise ConfigurationError(f"learner.base is {name!r}; {choices(BUILT_IN, name)}")
    return build(BUILT_IN[name], Base, {})
