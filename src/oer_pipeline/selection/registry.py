"""Selectors by name; one of somebody else's by its dotted path, `package.module:Class`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from oer_pipeline.errors import ConfigurationError, choices
from oer_pipeline.selection.mbes import MBES
from oer_pipeline.selection.protocol import Selector
from oer_pipeline.selection.uniform import Uniform

SELECTORS: dict[str, Callable[..., Selector]] = {"mbes": MBES, "uniform": Uniform}


def make_selector(name: str, options: Mapping[str, Any]) -> Selector:
    """The selector called `name` with its options.

    Raises:
        ConfigurationError: an unknown name, path or option, or an option's value that the selector refuses.
    """
    factory = SELECTORS[name] if name in SELECTORS else _imported(name)
    known = inspect.signature(factory).parameters
    for option in options:
        if option not in known:
            takes = choices(known, option) if known else "it takes none"
            raise ConfigurationError(f"selector {name}: unknown option {option!r}; {takes}")
    return factory(**options)


def _imported(path: str) -> Callable[..., Selector]:
    module, _, attribute = path.partition(":")
    if not attribute:
        raise ConfigurationError(f"unknown selector {path!r}; {choices(SELECTORS, path)}, or give package.module:Class")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"selector {path!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and hasattr(found, "select")):
        raise ConfigurationError(f"selector {path!r} is no class with a method select(request)")
    return found
