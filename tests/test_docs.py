"""The pages in docs: references to them resolve, and what they say holds."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import oer_pipeline
from oer_pipeline.metrics.intervals import interval
from oer_pipeline.reports.tables import number
from oer_pipeline.studies.results import RESULTS, Result, kept

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "oer_pipeline"
PAGES = ("method", "protocol", "architecture")
FOLDERS = ("src", "tests", "benchmarks", "conf", "docs", "notebooks")
KINDS = (".py", ".md", ".yml", ".ipynb")

NUMBERS = r"\d+(?:(?:, | and | to )\d+)*"
NUMBERED = re.compile(
    rf"(?:\b(\w+)(?:\.md)?,? )?\bsections? ({NUMBERS})(?:, \"(\w[^\"]*)\")?",
    flags=re.IGNORECASE,
)
"""Page, numbers, and the heading inside the section, if any."""
TITLED = re.compile(
    r"[(;] ?(protocol|architecture)(?:, (?!sections? \d)([^);]*)| [^,);]*)[);]",
)
"""A section by its title, or no section at all."""
OTHERS = re.compile(r"\", sections? \d")
"""A section of a publication, whose title stands before it in quotation marks."""


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def headings(text: str) -> list[str]:
    """Of a page, without code blocks."""
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^#+ (.+)$", without_code, flags=re.MULTILINE)


def sections(name: str) -> dict[int, str]:
    """Number -> title of a page's numbered sections."""
    found = re.findall(r"^## (\d+)\. (.+)$", page(name), flags=re.MULTILINE)
    return {int(number): title for number, title in found}


def prose(text: str) -> str:
    """On one line, without the signs of comments."""
    lines = [re.sub(r"^\s*#+ ?", "", line) for line in text.splitlines()]
    return re.sub(r"\s+", " ", " ".join(lines))


def numbers_in(text: str) -> list[int]:
    """`2 to 4` is 2, 3, 4; `7, 8` and `5 and 6` are themselves."""
    if " to " in text:
        first, last = re.findall(r"\d+", text)
        return list(range(int(first), int(last) + 1))
    return [int(number) for number in re.findall(r"\d+", text)]


def broken(text: str, own: str | None = None) -> list[str]:
    """References that lead nowhere; `own` is the page that the text is, if any.

    "(method, section 5)" is a section by its number, "(protocol, Data)" by its title.
    Within a page its own sections need no name, and sections of publications follow
    their title in quotation marks.
    """
    text = OTHERS.sub("", prose(text))
    wrong = []
    for match in NUMBERED.finditer(text):
        word, numbers, heading = match.groups()
        name = word.lower() if word and word.lower() in PAGES else own
        if reason := lacking(name, numbers, heading):
            wrong.append(f"{match.group()!r}: {reason}")
    for match in TITLED.finditer(text):
        name, title = match.groups()
        known = sections(name)
        if title not in known.values():
            wrong.append(f"{match.group()!r}: docs/{name}.md has {known}")
    return wrong


def lacking(name: str | None, numbers: str, heading: str | None) -> str | None:
    """Why a reference by number leads nowhere, None if it does not."""
    if name is None:
        return "of which page? such as (method, section 5)"
    known = sections(name)
    if not set(numbers_in(numbers)) <= set(known):
        return f"docs/{name}.md has sections {list(known)}"
    if heading and heading not in headings(page(name)):
        return f"docs/{name}.md has no heading {heading!r}"
    return None


def texts() -> Iterator[Path]:
    """Every file that may refer to the pages."""
    yield ROOT / "README.md"
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in KINDS and path != Path(__file__):
                yield path


def test_every_reference_to_a_page_resolves() -> None:
    wrong = []
    pages = [ROOT / "docs" / f"{name}.md" for name in PAGES]
    for path in texts():
        own = path.stem if path in pages else None
        found = broken(path.read_text(encoding="utf-8"), own)
        wrong += [f"{path.relative_to(ROOT)}: {what}" for what in found]
    assert not wrong, "\n".join(wrong)


def test_references_are_found_where_they_are() -> None:
    everything = "".join(prose(path.read_text(encoding="utf-8")) for path in texts())
    named = [m.group(1) for m in NUMBERED.finditer(everything)]
    assert sum(name == "method" for name in named) > 50
    assert sum(name == "protocol" for name in named) > 10


@pytest.mark.parametrize(
    "text",
    [
        "(method, section 9)",
        "(method, sections 2 to 9)",
        "(method, sections 7, 9)",
        "(method,\n    section 9)",
        "# (method,\n# section 9)",
        "Kept (docs/method.md, section 0).",
        '(method, section 5, "Selecting")',
        "the paper's claim (section 5)",
        "(protocol, section 7)",
        "(MACAW; protocol table)",
        "(protocol, Imports)",
        "(architecture, section 12)",
    ],
)
def test_a_reference_to_nowhere_is_found(text: str) -> None:
    assert len(broken(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "(method, section 5)",
        "(Gai et al. 2023; method, sections 5 and 6)",
        '(method, section 5, "Selection")',
        "(protocol, Data)",
        "(architecture, Transition table)",
        '(Schwarz et al. 2018, "Progress & Compress", section 4)',
    ],
)
def test_a_reference_that_leads_somewhere_is_none_of_them(text: str) -> None:
    assert broken(text) == []


def test_sections_count_from_1() -> None:
    for name in PAGES:
        assert list(sections(name)) == list(range(1, len(sections(name)) + 1)), name
    assert len(sections("method")) == 8


def test_the_pages_are_known_to_newcomers() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in PAGES:
        assert f"(docs/{name}.md)" in readme
        assert f"docs/{name}.md" in (oer_pipeline.__doc__ or "")


# Links --------------------------------------------------------------------------------


def anchor(heading: str) -> str:
    """What GitHub calls a heading in links."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target, fragment in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        if "://" in target:
            continue
        there = path.parent / target if target else path
        assert there.exists(), f"{path.name} links to {target}"
        if fragment:
            known = [anchor(h) for h in headings(there.read_text(encoding="utf-8"))]
            assert fragment in known, f"{path.name} links to {target}#{fragment}"


@pytest.mark.parametrize("name", PAGES)
def test_files_that_a_page_names_exist(name: str) -> None:
    path_like = r"`([\w./]+(?:\.(?:py|yml|yaml|json|toml)|/))`"
    named = re.findall(path_like, page(name))
    assert len(named) > 10
    # `nodes.py` and `pipeline.py` are in every pipeline's folder.
    places = (PACKAGE, ROOT, PACKAGE / "pipelines" / "continual")
    made_by_runs = {".made/", "references.json"}
    for path in set(named) - made_by_runs:
        there = [place for place in places if (place / path).exists()]
        assert there, f"{name}.md names {path}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_lines_are_readable(path: Path) -> None:
    """At most 100 characters; a row of a table is one line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    long = [line for line in lines if len(line) > 100 and not line.startswith("|")]
    assert long == []


def test_the_readme_is_short() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 80


def test_the_readmes_table_is_what_make_run_came_to() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    of_grid: dict[str, list[Result]] = {}
    for result in kept(ROOT / RESULTS):
        if result.grid == "default":
            of_grid.setdefault(result.method, []).append(result)
    shown = {}
    for row in next(tables(readme)):
        if row["method"] in of_grid:
            shown[row["method"]] = (row["PER"], row["forgetting"], row["plasticity"])
    assert len(shown) == 3
    for method, results in of_grid.items():
        columns = (
            [result.per for result in results],
            [result.forgetting for result in results],
            [result.plasticity for result in results],
        )
        found = [number(interval(column), 1) for column in columns]
        assert list(shown[method]) == [text.replace("\n", " ") for text in found]


def test_every_page_is_in_the_list_of_pages_and_in_the_site() -> None:
    listed = page("index") + (ROOT / "README.md").read_text(encoding="utf-8")
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs").glob("*.md")):
        if path.name != "index.md":
            assert f"({path.name})" in listed, f"docs/index.md lacks {path.name}"
        assert f": {path.name}\n" in site, f"mkdocs.yml lacks {path.name}"


# What the pages say of the project ----------------------------------------------------


def tables(text: str) -> Iterator[list[dict[str, str]]]:
    """Every table, a dictionary a row."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE):
        head, _, *rows = [cells(line) for line in block.splitlines()]
        yield [dict(zip(head, row, strict=True)) for row in rows]


def cells(line: str) -> list[str]:
    """Of a table's row."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def of_file(environment: str) -> dict[str, Any]:
    """Parameters of an environment's own file, `group.name` -> value."""
    file = ROOT / "conf" / environment / "parameters.yml"
    return flat(yaml.safe_load(file.read_text(encoding="utf-8")))


def configured(environment: str) -> dict[str, Any]:
    """Parameters of an environment, those of the base included."""
    return of_file("base") | of_file(environment)


def flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{before}{key}.")
        else:
            found[before + key] = value
    return found


def parameter_rows() -> list[tuple[str, dict[str, str]]]:
    """Name and row of every parameter in the pages' tables."""
    found = []
    for page_name in PAGES:
        for table in tables(page(page_name)):
            if "parameter" not in table[0]:
                continue
            for row in table:
                match = re.match(r"`([\w.]+)`", row["parameter"])
                assert match, row
                found.append((match.group(1), row))
    return found


def test_parameters_are_as_the_pages_say() -> None:
    columns = {"default": "base", "`conf/paper`": "paper", "`conf/test`": "test"}
    rows = parameter_rows()
    base = configured("base")
    for name, row in rows:
        for column, environment in columns.items():
            if column not in row:
                continue
            cell = row[column]
            said = base[name] if cell == "-" else yaml.safe_load(cell)
            assert said == configured(environment)[name], f"{name}, {column}: {cell}"
    names = [name for name, _ in rows]
    assert len(names) == len(set(names)), "a default stands in one line only"


def test_every_option_of_learning_and_of_models_is_in_the_pages() -> None:
    names = {name for name, _ in parameter_rows()}
    groups = ("learner.", "dynamics.", "replay.")
    options = {name for name in configured("base") if name.startswith(groups)}
    assert options - names == {"learner.name"}
    assert set(of_file("paper")) - names == {"accelerator"}


def test_the_directories_are_as_the_architecture_says() -> None:
    [table] = [t for t in tables(page("architecture")) if "core" in t[0]]
    [first, *_] = table[0]
    said = [path for row in table for path in re.findall(r"`([^`]+)`", row[first])]
    folders = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.name for path in PACKAGE.glob("[!_]*.py")}
    assert sorted(said) == sorted(folders | modules)


def test_the_core_is_the_one_that_the_linter_watches() -> None:
    [table] = [t for t in tables(page("architecture")) if "core" in t[0]]
    [first, *_] = table[0]
    said = {row[first].strip("`/") for row in table if row["core"]}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    [core] = [c for c in contracts if c["name"] == "The core imports no framework"]
    assert said == {module.partition(".")[2] for module in core["source_modules"]}


# What is promised ---------------------------------------------------------------------

NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
GUARANTEES = sorted((ROOT / "docs").glob("guarantees*.md"))


def test_there_are_guarantees() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    assert len(NAMED_TEST.findall(text)) > 30


@pytest.mark.parametrize("path", GUARANTEES)
def test_every_promise_names_its_test(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for table in tables(text):
        for row in table:
            told = " ".join(row.values())
            assert NAMED_TEST.search(told), row


@pytest.mark.parametrize("path", GUARANTEES)
def test_tests_that_stand_behind_promises_exist(path: Path) -> None:
    for file, name in NAMED_TEST.findall(path.read_text(encoding="utf-8")):
        assert (ROOT / file).is_file(), file
        code = (ROOT / file).read_text(encoding="utf-8")
        assert not name or f"\ndef {name}(" in code, f"{file}::{name}"
