"""Classes by dotted path: a third party's learner or selector is a line of
configuration."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from oer_pipeline.common import plugins
from oer_pipeline.common.errors import ConfigurationError, OERError, choices, one_line

T = TypeVar("T")

FORM = "give package.module:Class"


def load_class(path: str, base: type[T]) -> type[T]:
    """The class at `package.module:Class`.

    Raises:
        ConfigurationError: no such module or name, a module that fails when it is
            imported, or not a subclass of `base`.
    """
    name, module = split(path)[1], _module(path)
    found = getattr(module, name, None)
    if found is None:
        file, there = getattr(module, "__file__", None), _classes(module)
        known = choices(there, name) if there else "it has no class"
        raise _refused(path, f"{file} has no {name}; {known}; {FORM}")
    if not (isinstance(found, type) and issubclass(found, base)):
        wanted = f"{base.__module__}.{base.__qualname__}"
        kind = f"is not a {base.__name__}"
        raise ConfigurationError(f"class {path!r} {kind}; subclass {wanted}")
    return found


def split(path: Any) -> tuple[str, str]:
    """`package.module` and `Class` of a dotted path.

    Raises:
        ConfigurationError: it is none.
    """
    module, _, name = str(path).partition(":")
    names = [*module.split("."), name]
    if not isinstance(path, str) or not all(part.isidentifier() for part in names):
        raise _refused(path, f"it is no dotted path; {FORM}")
    return module, name


def build(path: str, base: type[T], options: Mapping[str, Any]) -> T:
    """An instance of the class at `path`, made with its options.

    Raises:
        ConfigurationError: as `load_class`; an unknown option, a value that the class
            refuses, or a class that cannot be made.
    """
    found = load_class(path, base)
    arguments = inspect.signature(found).parameters
    takes_any = any(a.kind is a.VAR_KEYWORD for a in arguments.values())
    for option in options:
        if option not in arguments and not takes_any:
            takes = choices(arguments, option) if arguments else "it takes none"
            raise ConfigurationError(f"{path}: unknown option {option!r}; {takes}")
    try:
        return found(**options)
    except OERError:
        raise
    except Exception as error:  # somebody else's constructor
        cause = f"{path} cannot be made with {dict(options)}: {one_line(error)}"
        raise ConfigurationError(cause) from error


def _module(path: str) -> ModuleType:
    """The module of a dotted path; every failure is one line that says what is
    right."""
    name, _ = split(path)
    plugins.use_nearest()
    try:
        return import_module(name)
    except OERError:
        raise
    except Exception as error:  # somebody else's code
        if _is_missing(name, error):
            advice = plugins.advice(name)
            raise _refused(path, f"{error}; {advice}; {FORM}") from error
        where = _line(error)
        raise _refused(path, f"importing it fails: {one_line(error)}{where}") from error


def _is_missing(module: str, error: Exception) -> bool:
    """Whether it is `module` itself, or a package around it, that is not there."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return False
    return f"{module}.".startswith(f"{error.name}.")


def _line(error: Exception) -> str:
    """Where code failed; a SyntaxError says so itself."""
    if isinstance(error, SyntaxError):
        return ""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f" ({Path(last.filename).name}, line {last.lineno})"


def _refused(path: Any, cause: str) -> ConfigurationError:
    return ConfigurationError(f"class {path!r} cannot be loaded: {cause}")


def _classes(module: ModuleType) -> list[str]:
    """The classes that a module defines itself."""
    named = {n: v for n, v in vars(module).items() if isinstance(v, type)}
    return [n for n, v in named.items() if v.__module__ == module.__name__]
