"""Classes by dotted path, so that a third party's learner or selector is one line of configuration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeVar

from oer_pipeline.errors import ConfigurationError, choices

T = TypeVar("T")


def load_class(path: str, base: type[T]) -> type[T]:
    """The class at `package.module:Class`.

    Raises:
        ConfigurationError: no such module or name, or not a subclass of `base`.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"class {path!r} cannot be loaded ({error}); give package.module:Class") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigurationError(f"class {path!r} is not a {base.__name__}; subclass it")
    return found


def build(path: str, base: type[T], options: Mapping[str, Any]) -> T:
    """An instance of the class at `path`, made with its options.

    Raises:
        ConfigurationError: as `load_class`; an unknown option, or a value that the class refuses.
    """
    found = load_class(path, base)
    known = inspect.signature(found).parameters
    for option in options:
        if option not in known:
            takes = choices(known, option) if known else "it takes none"
            raise ConfigurationError(f"{path}: unknown option {option!r}; {takes}")
    return found(**options)


def check_options(parameters: Any) -> None:
    """Make what parameters name, to refuse its options before any work.

    Args:
        parameters: anything; `{"class": path, "options": {...}}` is made wherever it is
            found in mappings.

    Raises:
        ConfigurationError: as `build`.
    """
    if not isinstance(parameters, Mapping):
        return
    if isinstance(parameters.get("options"), Mapping) and "class" in parameters:
        build(parameters["class"], object, parameters["options"])
    for value in parameters.values():
        check_options(value)
