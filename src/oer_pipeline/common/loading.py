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
from oer_pipeline.common.stopping import Stopped

T = TypeVar("T")

FORM = "give package.module:Class"


def load_class(path: str, base: type[T]) -> type[T]:
    """The class at `path`.

    Args:
        path: `package.module:Class`.
        base: what it has to be a subclass of.

    Raises:
        ConfigurationError: no such module or name, a module that fails when it is
            imported, or not a subclass of `base`.
    """
    _, name = split(path)
    module = _module(path)
    loaded = getattr(module, name, None)
    if loaded is None:
        file = getattr(module, "__file__", None)
        classes = _classes(module)
        known = "it has no class"
        if classes:
            known = choices(classes, name)
        raise _refused(path, f"{file} has no {name}; {known}; {FORM}")
    if not isinstance(loaded, type) or not issubclass(loaded, base):
        wanted = f"{base.__module__}.{base.__qualname__}"
        raise ConfigurationError(
            f"class {path!r} is not a {base.__name__}; subclass {wanted}"
        )
    return loaded


def split(path: Any) -> tuple[str, str]:
    """`package.module` and `Class` of a dotted path.

    Raises:
        ConfigurationError: it is none.
    """
    module, _, name = str(path).partition(":")
    parts = [*module.split("."), name]
    dotted = all(part.isidentifier() for part in parts)
    if not isinstance(path, str) or not dotted:
        raise _refused(path, f"it is no dotted path; {FORM}")
    return module, name


def build(path: str, base: type[T], options: Mapping[str, Any]) -> T:
    """An instance of the class at `path`, made with its options.

    Args:
        path: `package.module:Class`.
        base: what it has to be a subclass of.
        options: keyword arguments of its constructor.

    Raises:
        ConfigurationError: as `load_class`; an unknown option, a value that the class
            refuses, or a class that cannot be made.
    """
    class_ = load_class(path, base)
    _check_options(path, class_, options)
    try:
        return class_(**options)
    except (OERError, Stopped):
        raise
    except (Exception, SystemExit) as error:  # somebody else's constructor
        cause = f"{path} cannot be made with {dict(options)}"
        raise ConfigurationError(f"{cause}: {one_line(error)}") from error


def _check_options(
    path: str,
    class_: type,
    options: Mapping[str, Any],
) -> None:
    """Raise a ConfigurationError for an option that the constructor does not take."""
    arguments = inspect.signature(class_).parameters
    kinds = {argument.kind for argument in arguments.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return
    for option in options:
        if option not in arguments:
            takes = "it takes none"
            if arguments:
                takes = choices(arguments, option)
            raise ConfigurationError(f"{path}: unknown option {option!r}; {takes}")


def _module(path: str) -> ModuleType:
    """The module of a dotted path; every failure is one line that says what is
    right."""
    name, _ = split(path)
    plugins.use_nearest()
    try:
        return import_module(name)
    except (OERError, Stopped):
        raise
    except (Exception, SystemExit) as error:  # somebody else's code
        cause = f"importing it fails: {one_line(error)}{_line(error)}"
        if _is_missing(name, error):
            cause = f"{error}; {plugins.advice(name)}; {FORM}"
        raise _refused(path, cause) from error


def _is_missing(module: str, error: BaseException) -> bool:
    """Whether it is `module` itself, or a package around it, that is not there."""
    if not isinstance(error, ModuleNotFoundError):
        return False
    if error.name is None:
        return False
    missing = f"{error.name}."
    return f"{module}.".startswith(missing)


def _line(error: BaseException) -> str:
    """Where code failed; a SyntaxError says so itself."""
    if isinstance(error, SyntaxError):
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    file = Path(last.filename).name
    return f" ({file}, line {last.lineno})"


def _refused(path: Any, cause: str) -> ConfigurationError:
    return ConfigurationError(f"class {path!r} cannot be loaded: {cause}")


def _classes(module: ModuleType) -> list[str]:
    """The classes that a module defines itself."""
    names = []
    for name, value in vars(module).items():
        if isinstance(value, type) and value.__module__ == module.__name__:
            names.append(name)
    return names
