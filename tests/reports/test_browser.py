"""Pages open from disk in a real browser, without a complaint, and do what they say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from oer_pipeline.reports import projection
from oer_pipeline.reports.animation import write_images
from oer_pipeline.reports.cell_page import cell_page
from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.comparison_page import Compared, comparison_page
from oer_pipeline.reports.page import BUNDLE, Section, page, plotly_bundle
from oer_pipeline.reports.repeat import FILM
from oer_pipeline.reports.table import Table
from tests.browser import Opened, chromium, run

Make = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.browser
DARK = "--blink-settings=preferredColorScheme=0"
LIGHT = "--blink-settings=preferredColorScheme=1"

PROBE = """
<script>
window.addEventListener("load", () => {
const table = document.querySelector("table.sortable");
const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].innerText);
const told = {before: names()};
table.tHead.rows[0].cells[2].click();
told.falling = names();
table.tHead.rows[0].cells[2].click();
told.rising = names();
told.ground = getComputedStyle(document.body).backgroundColor;
const text = document.querySelector(".figure text");
told.figure = getComputedStyle(text).fill;
told.ink = getComputedStyle(document.body).color;
const pictures = [...document.querySelectorAll("figure img")];
told.pictures = pictures.every((one) => one.naturalWidth > 0);
told.wide = document.documentElement.scrollWidth > window.innerWidth;
window.dispatchEvent(new Event("beforeprint"));
const folds = [...document.querySelectorAll("details:not(.film)")];
told.printed = folds.every((one) => one.open);
const onPaper = ({layout}) => layout.width === 680 && layout.font.size === 9;
told.fits = [...document.querySelectorAll(".figure")].every(onPaper);
window.dispatchEvent(new Event("afterprint"));
told.folded = folds.every((one) => !one.open);
document.body.insertAdjacentHTML("beforeend", `<p id=told>${JSON.stringify(told)}</p>`);
});
</script>
"""

FILMS = """
<script>
const missing = [];
document.addEventListener("error", ({target}) => {
  if (target.closest(".film")) missing.push(target.src);
}, true);
document.addEventListener("DOMContentLoaded", () => {
for (const film of document.querySelectorAll(".film")) {
  film.open = true;
  // The page's own begins to load a moment later; this one holds the load event.
  const at_once = document.createElement("video");
  at_once.preload = "auto";
  at_once.src = film.querySelector("video").dataset.film;
  document.head.append(at_once);
}
});
window.addEventListener("load", () => {
const films = [...document.querySelectorAll(".film")];
const isShown = (element) => element.offsetParent !== null;
const told = {names: films.map((film) => film.querySelector("summary").innerText)};
const video = films[0].querySelector("video");
told.width = video.videoWidth;
told.decoded = video.readyState >= video.HAVE_CURRENT_DATA;
told.said = films[1].innerText;
told.asked = missing.map((address) => address.split("/").slice(-2).join("/"));
films[1].open = false;
window.dispatchEvent(new Event("beforeprint"));
for (const rule of document.styleSheets[0].cssRules) {
  if (rule.media?.mediaText === "print") rule.media.mediaText = "all";
}
told.printed = films.map(isShown);
films[0].open = false;
told.headingOfNone = isShown(films[0].parentElement.querySelector("h2"));
document.body.insertAdjacentHTML("beforeend", `<p id=told>${JSON.stringify(told)}</p>`);
});
</script>
"""
CLOSED = """
<script>
window.addEventListener("load", () => {
const asked = performance.getEntriesByType("resource").map((entry) => entry.name);
const told = {films: asked.filter((name) => name.includes("film"))};
document.body.insertAdjacentHTML("beforeend", `<p id=told>${JSON.stringify(told)}</p>`);
});
</script>
"""


SORTED = """
<script>
window.addEventListener("load", () => {
const table = document.querySelector("table.sortable");
const told = {};
for (const order of ["falling", "rising"]) {
  table.tHead.rows[0].cells[1].click();
  told[order] = [...table.tBodies[0].rows].map((row) => row.cells[1].innerText);
}
document.body.insertAdjacentHTML("beforeend", `<p id=told>${JSON.stringify(told)}</p>`);
});
</script>
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory, cell: Make) -> Path:
    """A comparison of two cells and their pages, as runs lay them out."""
    chromium()
    root = tmp_path_factory.mktemp("pages") / "08_reporting"
    folder = root / "cheetah" / "medium"
    cells = [
        cell("oer", buffers={0: [{"rows": 3, "walked": 2}] * 2}),
        cell("er", 60.0),
    ]
    generator = np.random.default_rng(0)
    states = generator.normal(size=(30, 3)).astype(np.float32)
    chart = projection.chart([projection.States("run", states, states, states)])
    told = {"suite": "cheetah", "quality": "medium", "environment": "", "told": ""}
    for metrics in cells:
        own = folder / metrics["cell"]
        own.mkdir(parents=True)
        (own / "report.html").write_text(cell_page(metrics, chart, told))
        (own / "projection.png").write_bytes(png(chart))
    pictures = [Image.new("RGB", (60, 40))] * 30
    write_images(pictures, [0.1 * n for n in range(30)], folder / "oer" / FILM, "oer")
    html, _ = comparison_page(Compared(cells, "comparison", {}, "cheetah", "medium"))
    (folder / "comparison").mkdir()
    (folder / "comparison" / "comparison.html").write_text(html)
    probed = html.replace("</body>", f"{PROBE}</body>")
    (folder / "comparison" / "probed.html").write_text(probed)
    probed = html.replace("</head>", f"{FILMS}</head>")
    (folder / "comparison" / "films.html").write_text(probed)
    probed = html.replace("</head>", f"{CLOSED}</head>")
    (folder / "comparison" / "closed.html").write_text(probed)
    (root / BUNDLE).write_text(plotly_bundle())
    return folder


def told_by(opened: Opened) -> dict[str, Any]:
    """What a probe found."""
    [found] = re.findall('id="told">(.*?)</p>', opened.dom)
    told: dict[str, Any] = json.loads(unescape(found))
    return told


def test_a_comparison_opens_draws_sorts_and_is_dark_at_night(reports: Path) -> None:
    page = reports / "comparison" / "probed.html"
    opened = Opened(page, DARK, "--window-size=1200,900")
    assert opened.console == []
    assert opened.dom.count('class="figure js-plotly-plot"') == 5
    told = told_by(opened)
    # The second column is forgetting: er forgets 30, oer 10.
    assert told["before"] == ["oer", "er"]
    assert told["falling"] == ["er", "oer"]
    assert told["rising"] == ["oer", "er"]
    assert told["ground"] == "rgb(22, 24, 28)"
    assert told["figure"] == told["ink"] == "rgb(228, 228, 228)"
    assert told["pictures"]
    assert not told["wide"]
    assert told["printed"]
    assert told["fits"]
    assert told["folded"]


def test_p_values_sort_as_numbers_the_smallest_too(tmp_path: Path) -> None:
    shown = ["0.250", "< 0.001", "-", "0.012", "1,000.5"]
    rows = [(f"pair {number}", p) for number, p in enumerate(shown)]
    table = Table(("pair", "p"), tuple(rows), sortable=True)
    html = page("Pairs", [Section("Pairs", [table])])
    path = tmp_path / "pairs.html"
    path.write_text(html.replace("</body>", f"{SORTED}</body>"))
    told = told_by(Opened(path))
    assert told["falling"] == ["1,000.5", "0.250", "0.012", "< 0.001", "-"]
    assert told["rising"] == ["< 0.001", "0.012", "0.250", "1,000.5", "-"]


def test_a_film_plays_when_unfolded_and_one_that_is_not_there_is_not_asked_for(
    reports: Path,
) -> None:
    opened = Opened(reports / "comparison" / "films.html", LIGHT, quick=False)
    assert opened.console == []
    told = told_by(opened)
    assert told["names"] == ["oer, seed 0", "er, seed 0"]
    assert told["width"] == 60
    assert told["decoded"]
    assert told["asked"] == [f"er/{FILM}"]
    assert "Not drawn yet" in told["said"]
    assert "kedro film --params=" in told["said"]
    assert told["printed"] == [True, False]
    assert not told["headingOfNone"]
    closed = Opened(reports / "comparison" / "closed.html", LIGHT, quick=False)
    assert told_by(closed)["films"] == []


def test_a_cells_page_leads_back_to_where_one_came_from(reports: Path) -> None:
    page = reports / "oer" / "report.html"
    copy = page.with_name("copy.html")
    # A file's address takes no fragment on the command line: the page gives it itself.
    copy.write_text(
        page.read_text().replace(
            '<script type="application/json"',
            '<script>location.hash = "#from=comparison"</script>'
            '<script type="application/json"',
        )
    )
    opened = Opened(copy, LIGHT)
    assert opened.console == []
    assert opened.dom.count('class="figure js-plotly-plot"') == 3
    [up] = re.findall(r'<a class="up"([^>]*)>', opened.dom)
    assert 'href="../comparison/comparison.html"' in up
    assert "hidden" not in up


def test_what_is_wrong_is_noticed(reports: Path, tmp_path: Path) -> None:
    """A page without its bundle says so, and a script's error is in the console."""
    whole = (reports / "comparison" / "comparison.html").read_text()
    alone = tmp_path / "alone.html"
    wrong = "<script>notThere()</script></body>"
    alone.write_text(whole.replace("</body>", wrong))
    opened = Opened(alone)
    said = '">plotly.min.js is missing, three folders above this page.</div>'
    assert opened.dom.count(said) == 5
    [line] = opened.console
    assert "notThere is not defined" in line


def test_a_comparison_prints_on_a_few_sheets(reports: Path, tmp_path: Path) -> None:
    sheets = tmp_path / "printed.pdf"
    run([f"--print-to-pdf={sheets}"], reports / "comparison" / "comparison.html")
    pages = re.findall(rb"/Type\s*/Page\b(?!s)", sheets.read_bytes())
    assert 2 <= len(pages) <= 8
