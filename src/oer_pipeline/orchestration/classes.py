"""Classes of this package that the configuration names, looked up without an import."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.common.loading import build, load_class, split
from oer_pipeline.orchestration.module_files import PACKAGE, is_ours, source_tree

PLACES = {
    "learners": f"{PACKAGE}.learners",
    "bases": f"{PACKAGE}.learners.bases",
    "selectors": f"{PACKAGE}.selection",
}
"""Where the package keeps what a group of the configuration may name."""


def is_own(path: Any) -> bool:
    """Whether a dotted path leads into this package.

    Raises:
        ConfigurationError: it is no dotted path.
    """
    return split(path)[0].partition(".")[0] == PACKAGE


def check_own(where: str, group: str, path: str) -> None:
    """Refuse a path into this package that leads nowhere, or into another group.

    Raises:
        ConfigurationError: names `where`, the path and what would be right.
    """
    module, name = split(path)
    wrong = f"{where}: class {path!r}"
    tree = source_tree(module)
    if tree is None:
        raise ConfigurationError(
            f"{wrong} cannot be loaded: there is no module {module}"
        )
    defined = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    if name not in defined:
        known = choices(defined, name) if defined else "it has no class"
        missing = f"{module} has no {name}"
        raise ConfigurationError(f"{wrong} cannot be loaded: {missing}; {known}")
    fitting = [g for g, place in PLACES.items() if module.startswith(f"{place}.")]
    if fitting[-1:] != [group]:
        place = PLACES[group]
        raise ConfigurationError(f"{wrong} is none of the {group}; they lie in {place}")


def class_says(path: str, flag: str) -> bool:
    """Whether a learner's class says so, itself or by what it inherits; one of this
    package is looked up without an import.

    Args:
        path: `module:Class`.
        flag: `replays` or `together`.

    Raises:
        ConfigurationError: as `load_class`, of another package's class.
    """
    if not is_own(path):
        from oer_pipeline.learners.protocol import Learner

        return bool(getattr(load_class(path, Learner), flag))
    module, name = split(path)
    return _flag_of(module, name, flag)


def _flag_of(module: str, name: str, flag: str) -> bool:
    """What the class of this name in a module says of a flag, it or a base."""
    tree = source_tree(module)
    if tree is None:
        return False
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return _flag_in(node, module, flag)
        origin = _origin_of(name, node)
        if origin is not None:
            return _flag_of(*origin, flag)
    return False


def _flag_in(definition: ast.ClassDef, module: str, flag: str) -> bool:
    """What a class of a module says of a flag; where it says nothing, whether one of
    its bases says yes, defined in that module or imported by name from this package."""
    for line in definition.body:
        targets: list[ast.expr] = []
        value = None
        if isinstance(line, ast.Assign):
            targets = line.targets
            value = line.value
        elif isinstance(line, ast.AnnAssign):
            targets = [line.target]
            value = line.value
        names = map(ast.unparse, targets)
        if flag in names and value is not None:
            return ast.unparse(value) == "True"
    bases = map(ast.unparse, definition.bases)
    return any(_flag_of(module, base, flag) for base in bases)


def _origin_of(name: str, node: ast.stmt) -> tuple[str, str] | None:
    """The module and the class that a name is imported from by a statement, where that
    is in this package."""
    if not isinstance(node, ast.ImportFrom):
        return None
    module = node.module or ""
    if not is_ours(module):
        return None
    for alias in node.names:
        known_as = alias.asname or alias.name
        if known_as == name:
            return module, alias.name
    return None


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
    """What an entry of the plan has to be, wherever it was found: only a selector's
    says `uses_model` and only a learner's `replays` (`orchestration.chosen`)."""
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
