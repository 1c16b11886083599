"""Classes by dotted path, so that a third party's learner or selector is one line of configuration."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from oer_pipeline import plugins
from oer_pipeline.errors import ConfigurationError, OERError, choices, one_line

T = TypeVar("T")

FORM = "give package.module:Class"


def load_class(path: str, base: type[T]) -> type[T]:
    """The class at `package.module:Class`.

    Raises:
        ConfigurationError: no such module or name, a module that fails when it is imported, or not a subclass of
            `base`.
    """
    name, module = split(path)[1], _module(path)
    found = getattr(module, name, None)
    if found is None:
        file, there = getattr(module, "__file__", None), _classes(module)
        known = choices(there, name) if there else "it has no class"
        raise ConfigurationError(f"class {path!r} cannot be loaded: {file} has no {name}; {known}; {FORM}")
    if not (isinstance(found, type) and issubclass(found, base)):
        wanted = f"{base.__module__}.{base.__qualname__}"
        raise ConfigurationError(f"class {path!r} is not a {base.__name__}; subclass {wanted}")
    return found


def split(path: Any) -> tuple[str, str]:
    """`package.module` and `Class` of a dotted path.

    Raises:
        ConfigurationError: it is none.
    """
    module, colon, name = path.partition(":") if isinstance(path, str) else ("", "", "")
    if not colon or not name.isidentifier() or not module.replace(".", "").isidentifier():
        raise ConfigurationError(f"class {path!r} cannot be loaded: it is no dotted path; {FORM}")
    return module, name


def build(path: str, base: type[T], options: Mapping[str, Any]) -> T:
    """An instance of the class at `path`, made with its options.

    Raises:
        ConfigurationError: as `load_class`; an unknown option, a value that the class refuses, or a class that cannot
            be made.
    """
    found = load_class(path, base)
    arguments = inspect.signature(found).parameters
    if not any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values()):
        for option in options:
            if option not in arguments:
                takes = choices(arguments, option) if arguments else "it takes none"
                raise ConfigurationError(f"{path}: unknown option {option!r}; {takes}")
    try:
        return found(**options)
    except OERError:
        raise
    except Exception as error:  # somebody else's constructor
        raise ConfigurationError(f"{path} cannot be made with {dict(options)}: {one_line(error)}") from error


def check_options(parameters: Any, name: str = "") -> None:
    """Make what parameters name, to refuse it before any work.

    Args:
        parameters: anything; `{"class": path, "options": {...}}` is made wherever it is
            found in mappings.
        name: what the mapping is called in the one around it.

    Raises:
        ConfigurationError: as `build`; a learner, base or selector that is none.
    """
    if not isinstance(parameters, Mapping):
        return
    if isinstance(parameters.get("options"), Mapping) and "class" in parameters:
        build(parameters["class"], _kind(parameters, name), parameters["options"])
    for key, value in parameters.items():
        check_options(value, key)


def _kind(entry: Mapping[str, Any], name: str) -> type[Any]:
    """What an entry of the plan has to be, by what else it says."""
    if "uses_model" in entry:
        from oer_pipeline.selection.protocol import Selector

        return Selector
    if "replays" in entry:
        from oer_pipeline.learners.protocol import Learner

        return Learner
    if name == "base":
        from oer_pipeline.learners.bases.protocol import Base

        return Base
    return object


def _module(path: str) -> ModuleType:
    """The module of a dotted path; every failure is one line that says what would be right."""
    name, _ = split(path)
    plugins.use_nearest()
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            advice = plugins.advice(name)
            raise ConfigurationError(f"class {path!r} cannot be loaded ({error}); {advice}; {FORM}") from error
        raise _failed(path, error) from error
    except OERError:
        raise
    except Exception as error:  # somebody else's code
        raise _failed(path, error) from error


def _failed(path: str, error: Exception) -> ConfigurationError:
    """That importing the module failed, and on which line."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    at = "" if isinstance(error, SyntaxError) else f" ({Path(where.filename).name}, line {where.lineno})"
    return ConfigurationError(f"class {path!r} cannot be loaded: importing it fails: {one_line(error)}{at}")


def _classes(module: ModuleType) -> list[str]:
    """The classes that a module defines itself."""
    return [n for n, v in vars(module).items() if isinstance(v, type) and v.__module__ == module.__name__]
