"""The code that a function uses: its own, and that of every module in its import
closure that is not an installed library's.

The code of a function is the syntax (no comments, no docstrings) of the function
itself, of what it calls in its own module, and of every module of this package that
those import, directly or through one another.

Of a class of somebody else's that parameters name (`class: module:Class`, or `id:
module:Name-v0` of an environment) it is the syntax of its module; of every module of
the same package that this imports, in whatever form, directly or through one another,
with the packages' `__init__`; and of modules and packages that lie beside it in the
same folder and that it imports (unless it is installed, where everything lies in one
folder). A dotted path `module:Class`, or the name of a file beside the module, that
stands in this code as a text counts as an import of the module, or the file's content.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "oer_pipeline"
ENVIRONMENT = re.compile(r"[A-Za-z_][\w.]*:[\w./-]+")
"""`module:Name-v0`, as gymnasium takes it."""
LONGEST_FILE_NAME = 255


@cache
def code_hash(function: Callable[..., Any], extra: tuple[str, ...] = ()) -> str:
    """Hash of the code that `function` uses; `extra` are dotted paths `module:Class`
    that it is told to load."""
    digest = hashlib.sha256(_bare_source(_own_tree(function)).encode())
    for module in sorted(modules_used(function, extra)):
        digest.update(module.encode())
        digest.update(_bare_source(_tree(module)).encode())
        for file in _files_named(module):
            digest.update(file.name.encode())
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def forget() -> None:
    """Read all code afresh: another project's plug-ins may have the names of those
    before."""
    cached = (
        code_hash,
        modules_used,
        packages_imported,
        _source,
        _tree,
        _folder,
        _is_installed,
    )
    for function in cached:
        function.cache_clear()


@cache
def modules_used(
    function: Callable[..., Any], extra: tuple[str, ...] = ()
) -> frozenset[str]:
    """Names of the modules in the import closure of `function` and of `extra` (its own
    module not among them)."""
    here = function.__module__
    todo = _imports(_module_level_imports(here), here)
    todo |= _imports(_own_tree(function), here)
    todo |= {path.partition(":")[0] for path in extra}
    found: set[str] = set()
    while todo:
        module = todo.pop()
        if module not in found and _source(module) is not None:
            found.add(module)
            todo |= _imports(_tree(module), module)
        if not _is_ours(module):
            todo |= _parents(module) - found
    return frozenset(found - {here})


@cache
def packages_imported(
    function: Callable[..., Any], extra: tuple[str, ...] = ()
) -> frozenset[str]:
    """Top-level names of what the code of `function` imports and that is neither this
    code itself nor of Python's standard library."""
    trees = [_module_level_imports(function.__module__), _own_tree(function)]
    modules = modules_used(function, extra)
    trees.extend(_tree(module) for module in modules)
    tops: set[str] = set()
    for tree in trees:
        for node in _executed(tree):
            if isinstance(node, ast.Import):
                tops |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                tops.add((node.module or "").partition(".")[0])
    own = {module.partition(".")[0] for module in modules}
    return frozenset(tops - own - {PACKAGE} - sys.stdlib_module_names)


def _module_level_imports(module: str) -> ast.Module:
    imports = []
    for node in _tree(module).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
    return ast.Module(list(imports), [])


def _own_tree(function: Callable[..., Any]) -> ast.Module:
    """The function and everything of its own module that it refers to, by name,
    directly or not."""
    definitions = {}
    for node in _tree(function.__module__).body:
        for name in _defined(node):
            definitions[name] = node
    todo = {function.__name__}
    kept: set[str] = set()
    while todo:
        name = todo.pop()
        if name in definitions and name not in kept:
            kept.add(name)
            for used in ast.walk(definitions[name]):
                if isinstance(used, ast.Name):
                    todo.add(used.id)
    return ast.Module([definitions[name] for name in sorted(kept)], [])


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [t.id for t in node.targets if isinstance(t, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _imports(tree: ast.AST, importer: str) -> set[str]:
    """Modules that the tree of `importer` imports and that count, `from package import
    module` included."""
    names: set[str] = set()
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = _imported_from(node, importer)
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and not _is_ours(importer):
            names |= {path.partition(":")[0] for path in _dotted_paths(node.value)}
    return {
        name for name in names if _counts(name, importer) and _source(name) is not None
    }


def _imported_from(node: ast.ImportFrom, importer: str) -> str:
    """The module that `from module import name` names, relative forms included."""
    if node.level == 0:
        return node.module or ""
    source = _source(importer)
    is_package = source is not None and source.name == "__init__.py"
    parts = importer.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def _counts(module: str, importer: str) -> bool:
    """Whether a module that `importer` imports is code of the same people: its package,
    or what lies beside it."""
    top, own = module.partition(".")[0], importer.partition(".")[0]
    if top in (PACKAGE, own):
        return True
    folder = _folder(own)
    if own == PACKAGE or folder is None or _is_installed(folder):
        return False
    return (folder / f"{top}.py").is_file() or (folder / top).is_dir()


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


def _parents(module: str) -> set[str]:
    """`a` and `a.b` of `a.b.c`, which are imported with it."""
    parts = module.split(".")
    return {".".join(parts[:n]) for n in range(1, len(parts))}


def _files_named(module: str) -> list[Path]:
    """Files beside a module of somebody else's whose names stand in its code, such as
    weights that it reads."""
    source = _source(module)
    if source is None or _is_ours(module):
        return []
    found = set()
    for node in ast.walk(_tree(module)):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        file = source.parent / node.value
        if _may_name_file(node.value) and file.is_file():
            found.add(file)
    return sorted(found)


def _may_name_file(text: str) -> bool:
    """Whether a text could be the name of a file beside its module."""
    if not 0 < len(text) <= LONGEST_FILE_NAME or not text.isprintable():
        return False
    return not Path(text).is_absolute()


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree without what only type checkers read."""
    for child in ast.iter_child_nodes(tree):
        if not _is_for_type_checkers(child):
            yield child
            yield from _executed(child)


def _is_for_type_checkers(node: ast.AST) -> bool:
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Name):
        return False
    return node.test.id == "TYPE_CHECKING"


def source_tree(module: str) -> ast.Module | None:
    """The syntax of a module; None where it has no source. Nothing is imported."""
    return _tree(module) if _source(module) is not None else None


@cache
def _source(module: str) -> Path | None:
    """The file of a module, found without importing anything, which might bring torch
    along."""
    top, *rest = module.split(".")
    for root in _roots(top):
        stem = root.joinpath(*rest)
        for file in (stem / "__init__.py", stem.with_suffix(".py")):
            if file.is_file():
                return file
    return None


def _roots(top: str) -> list[Path]:
    """Where a package lies, or, of a module that is none, what its file is called
    without `.py`."""
    if top == PACKAGE:
        return [Path(__file__).parents[1]]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # ValueError: a module that was made by hand
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place) for place in spec.submodule_search_locations]
    if spec.origin and spec.has_location:
        return [Path(spec.origin).with_suffix("")]
    return []


@cache
def _folder(top: str) -> Path | None:
    """The folder that a top-level module or package lies in."""
    return next((root.parent for root in _roots(top)), None)


@cache
def _is_installed(folder: Path) -> bool:
    """Whether a folder is one that packages are installed into, or Python's own."""
    installed = {
        Path(sysconfig.get_path(name))
        for name in ("purelib", "platlib", "stdlib", "platstdlib")
    }
    return folder in installed or folder.name in ("site-packages", "dist-packages")


@cache
def _tree(module: str) -> ast.Module:
    path = _source(module)
    if path is None:
        raise ModuleNotFoundError(
            f"the source of module {module!r} cannot be found, so what it makes has no"
            " fingerprint"
        )
    return ast.parse(path.read_text())


def _bare_source(tree: ast.AST) -> str:
    """The syntax without docstrings, positions and comments."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def classes_named(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The dotted paths `package.module:Class` inside parameters: code that a node is
    told to load."""
    return tuple(sorted(_dotted_paths(parameters)))


def _dotted_paths(parameters: Any) -> set[str]:
    """Values such as `package.module:Class` anywhere inside parameters, and
    environments `id: module:Name-v0`."""
    found: set[str] = set()
    if isinstance(parameters, Mapping):
        for value in parameters.values():
            found |= _dotted_paths(value)
        environment = parameters.get("id")
        if isinstance(environment, str) and ENVIRONMENT.fullmatch(environment):
            found.add(environment)
    elif isinstance(parameters, list | tuple):
        for value in parameters:
            found |= _dotted_paths(value)
    elif isinstance(parameters, str) and _is_dotted_path(parameters):
        found.add(parameters)
    return found


def _is_dotted_path(text: str) -> bool:
    return ":" in text and text.replace(":", ".").replace(".", "").isidentifier()
