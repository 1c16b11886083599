"""One table as Markdown, HTML and text."""

from __future__ import annotations

import pytest

from oer_pipeline.reports.markdown import markdown
from oer_pipeline.reports.table import Marked, Table

TABLE = Table(
    ("method", "scale", "PER\n(mean)"),
    (
        ("a|b", "raw", Marked("1.0\n[0.5, 1.5]")),
        ("<c>", "raw", "-"),
        ("a|b", "per cent", "99.5"),
    ),
    (("PER\n(mean)", "of <all> tasks"),),
    words=2,
    group_by=1,
)

MARKDOWN = """\
| method | scale | PER (mean) |
| --- | --- | ---: |
| a\\|b | raw | **1.0 [0.5, 1.5]** |
| <c> | raw | - |
| a\\|b | per cent | 99.5 |

- **PER (mean)**: of <all> tasks
"""
TEXT = """\
method         PER
            (mean)
------------------
raw:
a|b            1.0
        [0.5, 1.5]
<c>              -
------------------
per cent:
a|b           99.5
------------------
PER (mean): of <all> tasks
"""
HTML = """\
<div class="wide"><table>
<thead><tr><th scope="col" class="words">method</th><th scope="col" class="words">scale</th><th scope="col">PER (mean)</th></tr></thead>
<tbody>
<tr><th scope="row">a|b</th><td class="words">raw</td><td class="marked">1.0<br><small>[0.5, 1.5]</small></td></tr>
<tr><th scope="row">&lt;c&gt;</th><td class="words">raw</td><td>-</td></tr>
</tbody>
<tbody>
<tr><th scope="row">a|b</th><td class="words">per cent</td><td>99.5</td></tr>
</tbody>
</table></div>
<dl>
<dt>PER (mean)</dt><dd>of &lt;all&gt; tasks</dd>
</dl>
"""  # noqa: E501


def test_markdown() -> None:
    assert TABLE.markdown() == MARKDOWN


def test_text_for_a_terminal() -> None:
    assert TABLE.text() == TEXT


def test_html_is_escaped() -> None:
    assert TABLE.html() == HTML


def test_without_titles_there_is_no_head_and_without_notes_no_list() -> None:
    plain = Table(("", ""), (("a", "b"),)).html()
    assert "<thead>" not in plain
    assert "<dl>" not in plain
    assert plain.count("<tbody>") == 1


def test_without_a_column_to_group_by_text_has_no_headings() -> None:
    assert Table(("a", "b"), (("x", "1"),)).text() == "a  b\n----\nx  1\n----\n"


@pytest.mark.parametrize("rows", [[], [["x", "1|2"]]])
def test_markdown_alone(rows: list[list[str]]) -> None:
    table = Table(("a", "b"), tuple(tuple(row) for row in rows))
    assert markdown(["a", "b"], rows) == table.markdown()
