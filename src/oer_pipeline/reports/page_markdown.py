"""A page's text and tables as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oer_pipeline.reports.chart import Chart
from oer_pipeline.reports.page import (
    Bullets,
    Commands,
    FilmFile,
    Folded,
    Links,
    Part,
    Picture,
    PictureFile,
    Section,
    Verdict,
)
from oer_pipeline.reports.table import Table


def page_markdown(
    title: str,
    sections: Sequence[Section],
    subtitle: str,
    page: str,
    pictures: Mapping[str, str],
) -> str:
    """The sections of `page.page`; a figure is shown where it is a file, too, and named
    otherwise; what is folded stands open.

    Args:
        title: of the page.
        sections: from top to bottom.
        subtitle: below the title.
        page: the page's file, beside this one.
        pictures: a section's heading -> the file of its figure.
    """
    blocks = [f"# {title}"]
    if subtitle:
        blocks.append(subtitle)
    for section in sections:
        blocks.append(f"## {section.heading}")
        for part in section.parts:
            if isinstance(part, Chart):
                picture = pictures.get(section.heading)
                blocks.append(_figure(part, page, picture))
                continue
            blocks += _blocks(part)
    whole = [block.strip("\n") for block in blocks]
    return "\n\n".join(block for block in whole if block) + "\n"


def _blocks(part: Part) -> list[str]:
    if isinstance(part, str):
        return [part]
    if isinstance(part, Table):
        return [part.markdown()]
    if isinstance(part, Folded):
        return [f"**{part.summary}**", *_folded(part.content)]
    if isinstance(part, Verdict):
        first, *others = part.sentences
        return [f"**{first}**", _list(others)]
    if isinstance(part, Bullets):
        return [_list(part.items)]
    if isinstance(part, Commands):
        return ["\n".join(f"    {line}" for line in part.lines)]
    if isinstance(part, FilmFile):
        return [f"[{part.summary}]({part.file}), drawn by", f"    {part.command}"]
    if isinstance(part, Links):
        return [", ".join(f"[{item}]({item.href})" for item in part.items)]
    if isinstance(part, PictureFile):
        return [f"![{part.alt}]({part.file})"]
    assert isinstance(part, Picture)
    return [f"*(picture on the page: {part.alt})*"]


def _folded(content: str | Table) -> list[str]:
    if isinstance(content, Table):
        return [content.markdown()]
    return [f"```\n{content}\n```"]


def _figure(chart: Chart, page: str, picture: str | None) -> str:
    if picture is not None:
        return f"![{chart.title}]({picture})"
    return f"*(figure on [the page]({page}): {chart.title})*"


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
