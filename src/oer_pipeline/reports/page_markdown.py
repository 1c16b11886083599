"""A page's text and tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from oer_pipeline.reports.chart import Chart
from oer_pipeline.reports.page import (
    Bullets,
    Commands,
    FilmFile,
    Folded,
    Part,
    Picture,
    PictureFile,
    Section,
    Verdict,
)
from oer_pipeline.reports.table import Table


def page_markdown(title: str, sections: Sequence[Section], subtitle: str = "") -> str:
    """The sections of `page.page`; a figure is named, what is folded stands open."""
    blocks = [f"# {title}"]
    if subtitle:
        blocks.append(subtitle)
    for section in sections:
        blocks.append(f"## {section.heading}")
        for part in section.parts:
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
    return [_figure(part)]


def _folded(content: str | Table) -> list[str]:
    if isinstance(content, Table):
        return [content.markdown()]
    return [f"```\n{content}\n```"]


def _figure(part: Chart | Picture | PictureFile) -> str:
    if isinstance(part, PictureFile):
        return f"![{part.alt}]({part.file})"
    if isinstance(part, Picture):
        return f"*(picture on the page: {part.alt})*"
    return f"*(figure on the page: {part.title})*"


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
