"""Where a gymnasium environment's `info` says that its task is solved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from oer_pipeline.common.errors import ConfigurationError


class SuccessFlag:
    """The entry `key` of every step's `info`: true or false, 1 or 0; False without a
    key.

    Args:
        environment: its id, for errors.
        key: the entry; None: the environment does not say.

    Raises:
        ConfigurationError: a key that is no text.
    """

    def __init__(self, environment: str, key: str | None) -> None:
        if key is not None and not isinstance(key, str):
            raise ConfigurationError(
                f"environment {environment!r}: success_key is {key!r}; it takes a key"
                " of info, such as is_success"
            )
        self._environment = environment
        self._key = key

    def read(self, info: Mapping[str, Any]) -> bool:
        """What a step's `info` says.

        Raises:
            ConfigurationError: no such key, or something else than a flag.
        """
        key = self._key
        if key is None:
            return False
        if key not in info:
            known = ", ".join(sorted(map(str, info))) or "nothing"
            raise ConfigurationError(
                f"environment {self._environment!r}: success_key is {key!r}, but a"
                f" step's info has {known}; every step has to say it"
            )
        value = np.asarray(info[key])
        if value.size != 1 or value.item() not in (False, True):
            raise ConfigurationError(
                f"environment {self._environment!r}: info[{key!r}] is {info[key]!r}; it"
                " has to be true or false, 1 or 0"
            )
        return bool(value.item())
