"""The base learners of this package by name, for those who train without a
configuration."""

from __future__ import annotations

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.learners.bases.bc import BehaviourCloning
from oer_pipeline.learners.bases.iql import IQL
from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.bases.rebrac import ReBRAC
from oer_pipeline.learners.bases.td3bc import TD3BC

BUILT_IN: dict[str, type[Base]] = {
    "td3bc": TD3BC,
    "bc": BehaviourCloning,
    "rebrac": ReBRAC,
    "iql": IQL,
}


def built_in(name: str) -> Base:
    """The base learner of that name, with its own defaults.

    Raises:
        ConfigurationError: there is none; one of your own is given as an object.
    """
    if name not in BUILT_IN:
        raise ConfigurationError(f"learner.base is {name!r}; {choices(BUILT_IN, name)}")
    return BUILT_IN[name]()
