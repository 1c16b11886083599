"""The measure of density counts right on small sources, and a dense source fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import readability
from benchmarks.readability import Count

PLAIN = '''
"""A module."""

from pathlib import Path

# a comment
LIMIT = 3


def first(lines: list[str]) -> str:
    """The first line.

    It is long.
    """
    for line in lines:
        return line  # a comment

    return (
        "none"
    )
'''
DENSE = """
def f(x): return [[y * z for y in range(z)] for z in {**{a: b for a, b in x}, 1: 2}]
"""


def count(source: str, tmp_path: Path) -> Count:
    path = tmp_path / "source.py"
    path.write_text(source)
    return Count.of(path)


def test_blank_lines_comments_and_docstrings_are_no_code(tmp_path: Path) -> None:
    counted = count(PLAIN, tmp_path)
    # import, LIMIT, def, for, return, and three of the last return
    assert counted.lines == 8
    assert counted.functions == (6,)


def test_nodes_are_those_of_the_syntax_tree(tmp_path: Path) -> None:
    # Module, Assign, Name, Store, Constant
    assert count("a = 1\n", tmp_path).nodes == 5
    assert count("a = 1\n\n\nb = (\n    2\n)\n", tmp_path).nodes_per_line == 9 / 4


@pytest.mark.parametrize(
    ("source", "nested"),
    [
        ("a = [b for b in c]", 0),
        ("a = [b for b in c if b]", 0),
        ("a = [b for c in d for b in c]", 1),
        ("a = [{d for d in b} for b in c]", 1),
        ("a = sum(b for b in [c for c in d])", 1),
        ("a = [b for b in c] + [b for b in c]", 0),
        ("a = {b: [c for c in [d for d in b]] for b in e}", 2),
    ],
)
def test_a_nested_comprehension_has_another_or_two_loops(
    source: str, nested: int, tmp_path: Path
) -> None:
    assert count(source, tmp_path).nested == nested


def test_several_files_are_one(tmp_path: Path) -> None:
    one = count(PLAIN, tmp_path)
    two = Count.together([one, one])
    assert (two.lines, two.nodes, two.functions) == (16, 2 * one.nodes, (6, 6))
    assert two.nodes_per_line == one.nodes_per_line
    assert (one.median_lines, one.p90_lines) == (6, 6)
    assert Count.together([]).faults == []


def test_long_functions_are_a_fault(tmp_path: Path) -> None:
    body = "".join(f"    a{n} = {n}\n" for n in range(60))
    counted = count(f"def f():\n{body}\n\ndef g():\n{body}", tmp_path)
    assert counted.functions == (61, 61)
    assert counted.faults == ["median function", "long functions"]


def package(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "part").mkdir()
    (folder / "part" / "module.py").write_text(source)
    monkeypatch.setattr(readability, "PACKAGE", folder)


def test_a_plain_package_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package(tmp_path, PLAIN, monkeypatch)
    assert readability.main() == 0
    assert "dense" not in capsys.readouterr().out


def test_a_dense_package_fails_and_its_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package(tmp_path, DENSE * 40, monkeypatch)
    assert readability.main() == 1
    printed = capsys.readouterr().out
    assert "nodes per line, nested comprehensions" in printed
    assert "dense: part/module.py" in printed
