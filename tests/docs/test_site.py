"""The pages as a site: equations are drawn, nothing is loaded from a network."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import markdown
import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def equations() -> ModuleType:
    """The hook, as MkDocs loads it."""
    path = ROOT / "docs" / "equations.py"
    spec = importlib.util.spec_from_file_location("equations", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(equations: ModuleType, text: str) -> str:
    """A page's HTML, by the extensions that mkdocs.yml names."""
    told = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    names = ["tables"]
    options: dict[str, Any] = {}
    for extension in told["markdown_extensions"]:
        if isinstance(extension, dict):
            options |= extension
            names += extension
        else:
            names.append(extension)
    html = markdown.markdown(text, extensions=names, extension_configs=options)
    found: str = equations.on_page_content(html)
    return found


def test_an_equation_is_drawn_in_its_line_or_on_its_own(equations: ModuleType) -> None:
    text = "As $a < \\pi(s)$:\n\n$$\n\\frac{1}{n}\n$$\n\n`$x$` costs 3 $.\n"
    html = drawn(equations, text)
    in_line, alone = html.split("<math")[1:]
    assert 'display="inline"' in in_line
    assert "<mi>&#x003C0;</mi>" in in_line
    assert 'display="block"' in alone
    assert "<mfrac>" in alone
    assert "<code>$x$</code> costs 3 $." in html


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_page_shows_latex(equations: ModuleType, page: Path) -> None:
    html = drawn(equations, page.read_text(encoding="utf-8"))
    assert "arithmatex" not in html
    for equation in html.split("<math")[1:]:
        whole = "<math" + equation.partition("</math>")[0] + "</math>"
        said = "".join(ElementTree.fromstring(whole).itertext())
        assert "\\" not in said, said


def test_the_method_is_full_of_equations(equations: ModuleType) -> None:
    html = drawn(equations, (ROOT / "docs" / "method.md").read_text(encoding="utf-8"))
    assert html.count("<math") > 100


def test_the_site_brings_what_its_search_needs_from_disk() -> None:
    told = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    # Without one of its own Material's plugin names an address in the network.
    [script] = told["extra"]["polyfills"]
    assert "iframe-worker" in script
    assert (ROOT / "docs" / script).is_file()
