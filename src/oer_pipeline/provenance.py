"""Fingerprints: what made an artefact - the code used, the parameters used, the contents of the inputs.

The code of a function is the syntax (no comments, no docstrings) of the function itself, of what it calls in its own
module, and of every module of this package that those import, directly or through one another.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from oer_pipeline.processor import float32_products
from oer_pipeline.suites.suite import FAMILIES

PACKAGE = "oer_pipeline"
PRODUCTS = "oer_pipeline.networks.products"
LIBRARIES = ("mujoco", "numpy", "pyarrow", "torch")


def fingerprint(function: Callable[..., Any], parameters: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """SHA-256 over code (classes named in parameters included), library versions, parameters and input hashes.

    Where the code computes float32 products, which library does so on this machine counts too: the bits differ.
    """
    classes = classes_named(parameters)
    recipe = {
        "code": code_hash(function, classes),
        "libraries": {name: version(name) for name in (*LIBRARIES, *_of_families(parameters))},
        "parameters": parameters,
        "inputs": inputs,
    }
    if PRODUCTS in modules_used(function, classes):
        recipe["float32 products"] = float32_products()
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def _of_families(parameters: Mapping[str, Any]) -> set[str]:
    """Libraries that the families of the tasks among the parameters need besides."""
    tasks = [value for value in parameters.values() if isinstance(value, Mapping) and "family" in value]
    return {name for task in tasks for name in FAMILIES[task["family"]].libraries}


@cache
def code_hash(function: Callable[..., Any], extra: tuple[str, ...] = ()) -> str:
    """Hash of the code that `function` uses; `extra` are dotted paths `module:Class` that it is told to load."""
    digest = hashlib.sha256(_bare_source(_own_tree(function)).encode())
    for module in sorted(modules_used(function, extra)):
        digest.update(module.encode())
        digest.update(_bare_source(_tree(module)).encode())
    return digest.hexdigest()


@cache
def modules_used(function: Callable[..., Any], extra: tuple[str, ...] = ()) -> frozenset[str]:
    """Names of the package's modules in the import closure of `function` (its own module not among them)."""
    own = _tree(function.__module__)
    top = ast.Module([node for node in own.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    todo = _imports(top) | _imports(_own_tree(function)) | {e.partition(":")[0] for e in extra}
    found: set[str] = set()
    while todo:
        module = todo.pop()
        if module not in found and _source(module) is not None:
            found.add(module)
            todo |= _imports(_tree(module))
    return frozenset(found - {function.__module__})


def _own_tree(function: Callable[..., Any]) -> ast.Module:
    """The function and everything of its own module that it refers to, by name, directly or not."""
    definitions = {name: node for node in _tree(function.__module__).body for name in _defined(node)}
    todo, kept = {function.__name__}, set()
    while todo:
        name = todo.pop()
        if name in definitions and name not in kept:
            kept.add(name)
            todo |= {n.id for n in ast.walk(definitions[name]) if isinstance(n, ast.Name)}
    return ast.Module([definitions[name] for name in sorted(kept)], [])


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [t.id for t in node.targets if isinstance(t, ast.Name)]
    return [node.target.id] if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else []


def _imports(tree: ast.AST) -> set[str]:
    """Modules of this package that a tree imports, `from package import module` included."""
    names: set[str] = set()
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == PACKAGE and _source(name) is not None}


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree without what only type checkers read."""
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield child
            yield from _executed(child)


@cache
def _source(module: str) -> Path | None:
    """The file of a module; this package's are found without importing anything, which would bring torch along."""
    package, *rest = module.split(".")
    if package == PACKAGE:
        stem = Path(__file__).parent.joinpath(*rest)
        return next((p for p in (stem / "__init__.py", stem.with_suffix(".py")) if p.is_file()), None)
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


@cache
def _tree(module: str) -> ast.Module:
    path = _source(module)
    if path is None:
        raise ModuleNotFoundError(
            f"the source of module {module!r} cannot be found, so what it makes has no fingerprint"
        )
    return ast.parse(path.read_text())


def _bare_source(tree: ast.AST) -> str:
    """The syntax without docstrings, positions and comments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def classes_named(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The dotted paths `package.module:Class` inside parameters: code that a node is told to load."""
    return tuple(sorted(_dotted_paths(parameters)))


def _dotted_paths(parameters: Any) -> set[str]:
    """Values such as `package.module:Class` anywhere inside parameters."""
    if isinstance(parameters, Mapping):
        return set().union(*(_dotted_paths(v) for v in parameters.values()))
    if isinstance(parameters, list | tuple):
        return set().union(*(_dotted_paths(v) for v in parameters))
    if (
        isinstance(parameters, str)
        and ":" in parameters
        and parameters.replace(":", ".").replace(".", "").isidentifier()
    ):
        return {parameters}
    return set()
