"""Where the source of a module lies, found without importing anything, which might
bring torch along."""

from __future__ import annotations

import ast
import importlib.util
import sysconfig
from functools import cache
from pathlib import Path

PACKAGE = "oer_pipeline"
INSTALLED = ("purelib", "platlib", "stdlib", "platstdlib")
"""Folders that packages are installed into, or Python's own, as sysconfig calls
them."""
INSTALLED_NAMES = ("site-packages", "dist-packages")


def top_of(module: str) -> str:
    """`a` of `a.b.c`."""
    return module.partition(".")[0]


def is_ours(module: str) -> bool:
    """Whether it is of this package."""
    return top_of(module) == PACKAGE


@cache
def source_of(module: str) -> Path | None:
    """The file of a module; None where it has no source."""
    top, *rest = module.split(".")
    for root in _roots(top):
        stem = root.joinpath(*rest)
        package = stem / "__init__.py"
        if package.is_file():
            return package
        file = stem.with_suffix(".py")
        if file.is_file():
            return file
    return None


_KEPT: dict[str, ast.Module] = {}
"""The syntax of modules that are imported already, by name."""


def keep(module: str) -> None:
    """Remember a module's syntax as it is now: this process goes on running that code,
    whatever is edited."""
    if source_of(module) is not None:
        _KEPT[module] = tree_of(module)


@cache
def tree_of(module: str) -> ast.Module:
    """The syntax of a module.

    Raises:
        ModuleNotFoundError: it has no source.
    """
    if module in _KEPT:
        return _KEPT[module]
    path = source_of(module)
    if path is None:
        raise ModuleNotFoundError(
            f"the source of module {module!r} cannot be found, so what it makes has no"
            " fingerprint"
        )
    text = path.read_text()
    return ast.parse(text)


def source_tree(module: str) -> ast.Module | None:
    """The syntax of a module; None where it has no source."""
    if source_of(module) is None:
        return None
    return tree_of(module)


@cache
def folder_of(top: str) -> Path | None:
    """The folder that a top-level module or package lies in."""
    for root in _roots(top):
        return root.parent
    return None


@cache
def is_installed(folder: Path) -> bool:
    """Whether packages are installed into a folder, or it is Python's own."""
    if folder.name in INSTALLED_NAMES:
        return True
    for name in INSTALLED:
        place = sysconfig.get_path(name)
        if folder == Path(place):
            return True
    return False


def forget() -> None:
    """Look for all files afresh."""
    source_of.cache_clear()
    tree_of.cache_clear()
    folder_of.cache_clear()
    is_installed.cache_clear()


def _roots(top: str) -> list[Path]:
    """Where a package lies, or, of a module that is none, what its file is called
    without `.py`."""
    if top == PACKAGE:
        package = Path(__file__).parents[1]
        return [package]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # ValueError: a module that was made by hand
        return []
    if spec is None:
        return []
    places = spec.submodule_search_locations
    if places is not None:
        return [Path(place) for place in places]
    if spec.origin and spec.has_location:
        file = Path(spec.origin)
        return [file.with_suffix("")]
    return []
