"""How much a line holds, and how long functions are: `make lint` refuses what is dense.

`python -m benchmarks.readability` prints a row per package and the files above its
limit. A measure serves reading; where it would make code worse, raise it here and say
why.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

PACKAGE = Path(__file__).parents[1] / "src" / "oer_pipeline"
MOST_NODES = 8.0
"""Syntax-tree nodes per code line."""
MOST_NESTED = 1.0
"""Nested comprehensions in 1,000 code lines."""
MEDIAN_LINES, P90_LINES = 15, 45
"""Of a function, docstring and comments not counted."""

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class Count:
    """What one file, or several, have of everything that is measured."""

    lines: int
    nodes: int
    nested: int
    functions: tuple[int, ...]

    @classmethod
    def of(cls, path: Path) -> Count:
        """Count one file."""
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        code = _code_lines(source, tree)
        functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
        return cls(
            lines=len(code),
            nodes=sum(1 for _ in ast.walk(tree)),
            nested=sum(_is_nested(node) for node in ast.walk(tree)),
            functions=tuple(_length(node, code) for node in functions),
        )

    @classmethod
    def together(cls, counts: Sequence[Count]) -> Count:
        """Several files as one."""
        return cls(
            lines=sum(count.lines for count in counts),
            nodes=sum(count.nodes for count in counts),
            nested=sum(count.nested for count in counts),
            functions=tuple(n for count in counts for n in count.functions),
        )

    @property
    def nodes_per_line(self) -> float:
        return self.nodes / max(1, self.lines)

    @property
    def nested_per_1000(self) -> float:
        return 1000 * self.nested / max(1, self.lines)

    @property
    def median_lines(self) -> float:
        return median(self.functions) if self.functions else 0.0

    @property
    def p90_lines(self) -> float:
        if len(self.functions) < 2:
            return float(sum(self.functions))
        return quantiles(self.functions, n=10)[-1]

    @property
    def faults(self) -> list[str]:
        """Which limits are not kept."""
        measured = {
            "nodes per line": (self.nodes_per_line, MOST_NODES),
            "nested comprehensions": (self.nested_per_1000, MOST_NESTED),
            "median function": (self.median_lines, MEDIAN_LINES),
            "long functions": (self.p90_lines, P90_LINES),
        }
        return [name for name, (value, most) in measured.items() if value > most]


def _code_lines(source: str, tree: ast.Module) -> set[int]:
    """Numbers of the lines that are neither blank, comment nor docstring."""
    documented: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False):
            text = node.body[0]
            documented |= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code: set[int] = set()
    for token in tokens:
        if token.type not in NO_CODE:
            code |= set(range(token.start[0], token.end[0] + 1))
    return code - documented


def _is_nested(node: ast.AST) -> bool:
    """Whether it is a comprehension within another, or one with two loops."""
    if not isinstance(node, COMPREHENSIONS):
        return False
    inner = [child for child in ast.walk(node) if isinstance(child, COMPREHENSIONS)]
    return len(inner) > 1 or len(node.generators) > 1


def _length(function: ast.AST, code: set[int]) -> int:
    first, last = function.lineno, function.end_lineno  # type: ignore[attr-defined]
    return len(code & set(range(first, last + 1)))


def _row(name: str, count: Count) -> str:
    figures = (
        f"{count.lines:6d} {count.nodes_per_line:6.2f} {count.nested_per_1000:7.2f}"
    )
    lengths = f"{count.median_lines:7.1f} {count.p90_lines:5.0f}"
    return f"{name:24} {figures} {lengths}  {', '.join(count.faults)}"


def main() -> int:
    """Print the table; the exit status says whether every package keeps the limits."""
    files = {path: Count.of(path) for path in sorted(PACKAGE.rglob("*.py"))}
    packages: dict[str, list[Count]] = {}
    for path, count in files.items():
        packages.setdefault(path.relative_to(PACKAGE).parts[0], []).append(count)
    print(f"{'package':24}  lines  nodes  nested  median   p90")
    dense = False
    for name, counts in packages.items():
        package = Count.together(counts)
        dense = dense or bool(package.faults)
        print(_row(name, package))
    print(_row("all", Count.together(list(files.values()))))
    for path, count in files.items():
        if count.lines > 30 and count.nodes_per_line > MOST_NODES + 1.0:
            name = path.relative_to(PACKAGE)
            print(f"dense: {name}, {count.nodes_per_line:.1f} nodes per line")
    return int(dense)


if __name__ == "__main__":
    sys.exit(main())
