"""A data card for reading: one small page without scripts (protocol, section 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oer_pipeline.reports.card_origin import Card, count, origin, repairs
from oer_pipeline.reports.chart import Axis, Chart, Histogram, Panel
from oer_pipeline.reports.chart_png import png
from oer_pipeline.reports.page import Folded, Part, Picture, Section, page
from oer_pipeline.reports.palette import PALETTE
from oer_pipeline.reports.table import Row, Table

SUMMARY = ("min", "mean", "max", "std")
SIZE = (6.6, 2.4)
"""Of a histogram, inches."""


def card_page(
    card: Card,
    title: str,
) -> str:
    """One self-contained HTML document; sections whose keys the card does not have are
    left out."""
    sections = [
        Section("What it is", origin(card)),
        Section("What was repaired", repairs(card)),
    ]
    if "plausibility" in card:
        text = _plausibility(card["plausibility"])
        sections.append(Section("Does it fit the environment?", [text]))
    if "returns" in card:
        what = "undiscounted return"
        parts = _distribution(card["returns"], "return", what)
        sections.append(Section("Returns", parts))
    if "episode_lengths" in card:
        parts = _distribution(card["episode_lengths"], "steps", "length, steps")
        sections.append(Section("Episode lengths", [*parts, _endings(card)]))
    if "coverage" in card:
        sections.append(Section("Coverage", _coverage(card)))
    if "references" in card or "normalised_return" in card:
        sections.append(Section("References", _references(card)))
    return page(title, sections)


def _plausibility(found: Mapping[str, Any]) -> str:
    """How far the environment's own steps lead from what the file says, or why that
    was not tried."""
    if "skipped" in found:
        text = f"Not tried: {found['skipped']}."
    else:
        text = (
            f"{count(found['rows'])} rows were set into the task's environment and"
            f" stepped by their actions. What followed is {found['error']:g} of a"
            " step's length away from what the file says (0: the same; 1: as far off"
            " as if nothing had moved)."
        )
    if "reward_error" in found:
        error = f"{found['reward_error']:g}"
        text += f" Rewards differ by {error} of their standard deviation."
    if "action_space" in found:
        text += f" The file says that its action space is {found['action_space']}."
    return text


def _distribution(
    summary: Mapping[str, Any],
    quantity: str,
    what: str,
) -> list[Part]:
    """The summary of a value per episode, and its histogram where there is one."""
    values = [number(summary[name]) for name in SUMMARY]
    titles = ("", *SUMMARY)
    row = (quantity, *values)
    parts: list[Part] = [Table(titles, (row,))]
    if "histogram" in summary:
        parts += histogram(summary["histogram"], what)
    return parts


def histogram(
    bins: Mapping[str, Sequence[float]],
    what: str,
) -> list[Part]:
    """Bars of `{counts (B,), edges (B + 1,)}` as a picture, and their numbers."""
    counts = bins["counts"]
    edges = bins["edges"]
    bars = Histogram(edges, counts, PALETTE[0])
    panel = Panel(
        [bars],
        x=Axis(what),
        y=Axis("episodes"),
    )
    chart = Chart("", [panel], SIZE)
    picture = Picture(png(chart), f"episodes by {what}")
    rows = []
    for low, high, height in zip(edges[:-1], edges[1:], counts, strict=True):
        rows.append((number(low), number(high), number(height)))
    titles = ("from", "to", "episodes")
    table = Table(titles, tuple(rows))
    return [picture, Folded("The numbers of the bars", table)]


def _endings(card: Card) -> str:
    made = card.get("provenance", {})
    diverged = made.get("diverged_episodes", 0)
    counts = {
        "ended by a terminal state": card.get("terminal_episodes"),
        "ended by the clock": card.get("timeout_episodes"),
        "of these before the horizon": card.get("timeouts_before_horizon"),
        "with a terminal flag at the horizon": card.get("terminal_at_horizon") or None,
        "broken off, because the physics diverged": diverged or None,
    }
    told = []
    for text, episodes in counts.items():
        if episodes is not None:
            told.append(f"{text}: {count(episodes)}")
    return f"Episodes {', '.join(told)}."


def _coverage(card: Card) -> list[Part]:
    """Every dimension's range, and how often an action touches its bounds."""
    rows: list[Row] = []
    for name, summary in card["coverage"].items():
        rows += _dimensions(name, summary)
    parts: list[Part] = [Table(("dimension", *SUMMARY), tuple(rows))]
    if "at_bounds" in card:
        parts.append(f"Actions at a bound: {card['at_bounds']:.1%} of the rows.")
    return parts


def _dimensions(
    name: str,
    summary: Mapping[str, Any],
) -> list[Row]:
    """A row per dimension of a column, one for a column of plain numbers."""
    if not isinstance(summary["mean"], list):
        values = [number(summary[key]) for key in SUMMARY]
        return [(name, *values)]
    rows: list[Row] = []
    for dimension in range(len(summary["mean"])):
        values = [number(summary[key][dimension]) for key in SUMMARY]
        rows.append((f"{name} {dimension}", *values))
    return rows


def _references(card: Card) -> list[Part]:
    """What the reference policies earn, and where the data's mean return lies."""
    known = card.get("references") or {}
    titles = ["episodes", "mean", "sd"]
    if any("success" in measured for measured in known.values()):
        titles.append("success")
    rows = []
    for name, measured in known.items():
        values = [number(measured.get(title)) for title in titles]
        rows.append((name, *values))
    parts: list[Part] = []
    if rows:
        table = Table(("returns of", *titles), tuple(rows))
        parts.append(table)
    if "normalised_return" in card:
        mean = f"{card['normalised_return']:.1f}"
        scale = "0 is the random policy's, 100 the expert's"
        parts.append(f"Normalised mean return: {mean} ({scale}).")
    return parts


def number(value: float | None) -> str:
    """Four significant digits, and thousands set off; nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= 1_000:
        return f"{value:,.1f}"
    return f"{value:.4g}"
