"""No circle of imports in the packages of selection, dynamics and metrics, those for
type checkers included."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import oer_pipeline

ROOT = Path(oer_pipeline.__file__).parent


def imported(path: Path) -> set[str]:
    """Modules that a file names in its imports, wherever they stand."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("package", ["selection", "dynamics", "metrics"])
def test_modules_of_a_package_do_not_import_in_circles(package: str) -> None:
    files = {}
    for path in (ROOT / package).rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        files[".".join(parts)] = path
    assert len(files) > 5
    graph = {name: imported(path) & set(files) for name, path in files.items()}
    TopologicalSorter(graph).prepare()
