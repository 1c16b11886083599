"""What counts as a function's code. Always the syntax alone, without comments and
docstrings; imports under `if TYPE_CHECKING` are not followed.

Of a function:
- itself, and what it names in its own module, directly or not;
- every module of this package that these or the top of its module import, directly or
  not.

Of somebody else's class that parameters name (`class: module:Class`, or an
environment's `id: module:Name-v0`; one of this package counts as a function does):
- its module and the `__init__` of the packages around it;
- every module of its package and of this one that it imports, directly or not;
- modules beside it in the same folder that it imports, unless that folder is one that
  packages are installed into;
- modules of these kinds that a text in this code names as `module:Class`.

Of each of these modules, the function's own excepted: files beside it or below its
folder that a text in it names, such as templates of pages.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from oer_pipeline.orchestration import module_files
from oer_pipeline.orchestration.code_paths import dotted_paths
from oer_pipeline.orchestration.module_files import (
    PACKAGE,
    folder_of,
    is_installed,
    is_ours,
    source_of,
    top_of,
    tree_of,
)

Function = Callable[..., Any]
Paths = tuple[str, ...]
"""`module:Class` of what a function's parameters name."""

LONGEST_FILE_NAME = 255
IMPORTS = (ast.Import, ast.ImportFrom)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


@cache
def code_hash(function: Function, extra: Paths = ()) -> str:
    """Hash of the code that `function` uses.

    Args:
        function: whose code.
        extra: dotted paths `module:Class` that its parameters name.
    """
    digest = hashlib.sha256()
    own = _bare_source(_own_tree(function))
    digest.update(own.encode())
    for module in sorted(modules_used(function, extra)):
        digest.update(module.encode())
        digest.update(_code_of(module).encode())
        for file in _files_named(module):
            content = hashlib.sha256(file.read_bytes())
            digest.update(file.name.encode())
            digest.update(content.digest())
    return digest.hexdigest()


def forget() -> None:
    """Read all code afresh: another project's plug-ins may have the names of those
    before."""
    module_files.forget()
    code_hash.cache_clear()
    modules_used.cache_clear()
    packages_imported.cache_clear()
    for of_module in (_code_of, _imports_of, _packages_of, _files_named):
        of_module.cache_clear()


@cache
def modules_used(function: Function, extra: Paths = ()) -> frozenset[str]:
    """Names of the modules in the import closure of `function` and of `extra`, its own
    module not among them."""
    here = function.__module__
    todo = set()
    for tree in _own_trees(function):
        todo |= _imports(tree, here)
    for path in extra:
        module, _, _ = path.partition(":")
        todo.add(module)
    found: set[str] = set()
    while todo:
        module = todo.pop()
        if module not in found and source_of(module) is not None:
            found.add(module)
            todo |= _imports_of(module)
        if not is_ours(module):
            todo |= _parents(module) - found
    found.discard(here)
    return frozenset(found)


@cache
def packages_imported(function: Function, extra: Paths = ()) -> frozenset[str]:
    """Top-level names of what the code of `function` imports and that is neither this
    code itself nor of Python's standard library."""
    modules = modules_used(function, extra)
    found: set[str] = set()
    for tree in _own_trees(function):
        found |= _packages(tree)
    for module in modules:
        found |= _packages_of(module)
    own = {top_of(module) for module in modules}
    found -= own
    found -= sys.stdlib_module_names
    found -= {PACKAGE, ""}
    return frozenset(found)


@cache
def _code_of(module: str) -> str:
    """A module's syntax."""
    return _bare_source(tree_of(module))


@cache
def _imports_of(module: str) -> frozenset[str]:
    """Modules that a module imports and that count."""
    return frozenset(_imports(tree_of(module), module))


@cache
def _packages_of(module: str) -> frozenset[str]:
    """The packages that a module imports from."""
    return frozenset(_packages(tree_of(module)))


def _packages(tree: ast.AST) -> set[str]:
    """The packages that a tree imports from."""
    found = set()
    for node in _executed(tree):
        found |= _packages_named(node)
    return found


def _packages_named(node: ast.AST) -> set[str]:
    """The packages that a statement imports from."""
    if isinstance(node, ast.Import):
        return {top_of(alias.name) for alias in node.names}
    if not isinstance(node, ast.ImportFrom) or node.level > 0:
        return set()
    return {top_of(node.module or "")}


def _own_trees(function: Function) -> list[ast.Module]:
    """What a function's module imports at its top, and what the function refers to."""
    module = tree_of(function.__module__)
    imports = [node for node in module.body if isinstance(node, IMPORTS)]
    return [ast.Module(list(imports), []), _own_tree(function)]


def _own_tree(function: Function) -> ast.Module:
    """The function and everything of its own module that it refers to, by name,
    directly or not."""
    definitions = {}
    module = tree_of(function.__module__)
    for node in module.body:
        for name in _defined(node):
            definitions[name] = node
    todo = {function.__name__}
    kept: dict[str, ast.stmt] = {}
    while todo:
        name = todo.pop()
        if name in kept or name not in definitions:
            continue
        definition = definitions[name]
        kept[name] = definition
        for used in ast.walk(definition):
            if isinstance(used, ast.Name):
                todo.add(used.id)
    body = [kept[name] for name in sorted(kept)]
    return ast.Module(body, [])


def _defined(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module gives something."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _imports(tree: ast.AST, importer: str) -> set[str]:
    """Modules that the tree of `importer` imports and that count."""
    found = set()
    for node in _executed(tree):
        for name in _modules_named(node, importer):
            if _counts(name, importer) and source_of(name) is not None:
                found.add(name)
    return found


def _modules_named(node: ast.AST, importer: str) -> Iterator[str]:
    """What a statement may import, `from package import module` included; of somebody
    else's code, texts that are dotted paths too."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    elif isinstance(node, ast.ImportFrom):
        module = _imported_from(node, importer)
        yield module
        for alias in node.names:
            yield f"{module}.{alias.name}"
    elif isinstance(node, ast.Constant) and not is_ours(importer):
        for path in dotted_paths(node.value):
            module, _, _ = path.partition(":")
            yield module


def _imported_from(node: ast.ImportFrom, importer: str) -> str:
    """The module that `from module import name` names, relative forms included."""
    if node.level == 0:
        return node.module or ""
    parts = importer.split(".")
    source = source_of(importer)
    up = node.level
    if source is not None and source.stem == "__init__":
        up -= 1
    base = parts[: len(parts) - up]
    if node.module:
        base.append(node.module)
    return ".".join(base)


def _counts(module: str, importer: str) -> bool:
    """Whether a module that `importer` imports is code of the same people: its package,
    or what lies beside it."""
    top, own = top_of(module), top_of(importer)
    if top in (PACKAGE, own):
        return True
    if own == PACKAGE:
        return False
    folder = folder_of(own)
    if folder is None or is_installed(folder):
        return False
    package = folder / top
    module_file = folder / f"{top}.py"
    return package.is_dir() or module_file.is_file()


def _parents(module: str) -> set[str]:
    """`a` and `a.b` of `a.b.c`, which are imported with it."""
    found = set()
    while "." in module:
        module, _, _ = module.rpartition(".")
        found.add(module)
    return found


@cache
def _files_named(module: str) -> tuple[Path, ...]:
    """Files beside a module, or below its folder, whose names stand in its code: the
    templates of pages, task lists, weights that somebody else's class reads."""
    source = source_of(module)
    if source is None:
        return ()
    found = set()
    for node in ast.walk(tree_of(module)):
        if not isinstance(node, ast.Constant):
            continue
        text = node.value
        if not isinstance(text, str) or not _may_name_file(text):
            continue
        file = source.parent / text
        if file.is_file():
            found.add(file)
    return tuple(sorted(found))


def _may_name_file(text: str) -> bool:
    """Whether a text could be the name of a file beside its module."""
    if not 0 < len(text) <= LONGEST_FILE_NAME:
        return False
    return text.isprintable() and not text.startswith("/")


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree without what only type checkers read."""
    for child in ast.iter_child_nodes(tree):
        if not _is_for_type_checkers(child):
            yield child
            yield from _executed(child)


def _is_for_type_checkers(node: ast.AST) -> bool:
    if not isinstance(node, ast.If):
        return False
    test = node.test
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _bare_source(tree: ast.AST) -> str:
    """The syntax without documentation, positions and comments."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            code = [line for line in node.body if not _is_documentation(line)]
            node.body = code or [ast.Pass()]
    return ast.dump(tree)


def _is_documentation(statement: ast.stmt) -> bool:
    """Whether a statement is a text that stands alone: a docstring, or the words under
    a constant."""
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
