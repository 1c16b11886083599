"""Classes by dotted path, so that a third party's learner or selector is one line of configuration."""

from __future__ import annotations

from importlib import import_module
from typing import TypeVar

from oer_pipeline.errors import ConfigurationError

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
