"""A data card for reading: one small page without scripts, figures drawn as SVG
(protocol, section 2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, TypeAlias

from oer_pipeline.reports.page import Section, page
from oer_pipeline.reports.style import PALETTE

Card: TypeAlias = Mapping[str, Any]
"""What `trajectories.card.data_card` returns, or reads back from JSON; keys may be
absent."""

MADE_WITH = ("mujoco", "gymnasium", "metaworld")
SUMMARY = ("min", "mean", "max", "std")
NOTHING = "<p>Nothing: the data are as they came.</p>"
MENDED = {
    "clipped_actions": (
        "{n} rows had an action beyond the bounds, by at most {largest_excess:.3g}; it"
        " was clipped."
    ),
    "terminals_to_timeouts": (
        "{n} episodes had a terminal flag at the horizon; it was made a time-out."
    ),
    "split_at_horizon": (
        "{n} episodes were ended by the horizon, because the file has no time-outs."
    ),
    "next_observations_derived": (
        "{n} next observations were missing and taken from the next row."
    ),
    "ends_to_timeouts": (
        "{n} ends of episodes that are not terminal became time-outs, because the file"
        " has none."
    ),
    "reversed": "{n} rows were turned round, because the file's last row came first.",
    "rows_dropped": (
        "{n} last rows of episodes were dropped, because nobody knows their next"
        " observation."
    ),
}
WIDTH, HEIGHT, FOOT = 640, 150, 22  # of a histogram, in pixels


def card_page(card: Card, title: str) -> str:
    """One self-contained HTML document; sections whose keys the card does not have are
    left out."""
    sections: list[Section] = [
        ("What it is", _facts(card), None),
        (
            "What was mended",
            _mended(
                card.get("mended") or card.get("provenance", {}).get("mended") or {}
            ),
            None,
        ),
    ]
    if "plausibility" in card:
        sections.append(
            ("Does it fit the environment?", _plausibility(card["plausibility"]), None)
        )
    if "returns" in card:
        sections.append(
            (
                "Returns",
                _distribution(
                    card["returns"], "return", "episodes by undiscounted return"
                ),
                None,
            )
        )
    if "episode_lengths" in card:
        lengths = _distribution(card["episode_lengths"], "steps", "episodes by length")
        sections.append(("Episode lengths", lengths + _endings(card), None))
    if "coverage" in card:
        sections.append(("Coverage", _coverage(card), None))
    if "references" in card or "normalised_return" in card:
        sections.append(("References", _references(card), None))
    return page(title, sections)


def _facts(card: Card) -> str:
    """What is known of the data's origin and size, and everything recorded, folded
    away."""
    origin = card.get("provenance", {})
    rows = [
        ("Suite, task", _joined(origin.get("suite"), origin.get("task"))),
        (
            "Family, parameters",
            _joined(origin.get("family"), _parameters(origin.get("parameters"))),
        ),
        ("Quality", _joined(origin.get("quality"), _kinds(origin))),
        ("Collected by", _collector(origin)),
        ("Source", _source(origin.get("source"))),
        ("Horizon", _count(origin.get("horizon"), "steps")),
        (
            "Transitions",
            _joined(_count(card.get("transitions")), _bytes(card.get("bytes"))),
        ),
        ("Episodes", _count(card.get("episodes"))),
        (
            "Rewards",
            "none" if "coverage" in card and "reward" not in card["coverage"] else "",
        ),
        ("Success", _success(card.get("success_rate"))),
        ("Next observations", _unknown(card.get("unknown_next_observations"))),
        ("Observation", _count(card.get("observation_size"), "dimensions")),
        (
            "Action",
            _joined(
                _count(card.get("action_size"), "dimensions"),
                _within(card.get("action_bounds")),
            ),
        ),
        (
            "Made with",
            _joined(
                *(
                    f"{name} {version}"
                    for name, version in _versions(card, origin).items()
                )
            ),
        ),
        ("Licence", origin.get("licence")),
        ("Schema", card.get("schema_version")),
        ("SHA-256 of the content", card.get("sha256")),
    ]
    known = [(name, str(value)) for name, value in rows if value not in (None, "")]
    body = "".join(
        f'<tr><th scope="row">{escape(n)}</th><td style="{WRAP}">{escape(v)}</td></tr>'
        for n, v in known
    )
    record = escape(json.dumps(origin, indent=1, sort_keys=True))
    return (
        f'<div class="wide"><table><tbody>{body}</tbody></table></div>\n'
        "<details><summary>Everything"
        f" recorded of its origin</summary><pre>{record}</pre></details>"
    )


WRAP = "text-align: left; white-space: normal; overflow-wrap: anywhere"


def _joined(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part not in (None, ""))


def _count(number: Any, unit: str = "") -> str:
    return "" if number is None else f"{number:,} {unit}".strip()


def _bytes(number: int | None) -> str:
    return "" if number is None else f"{number / 1e6:,.1f} MB as arrays"


def _success(rate: float | None) -> str:
    return (
        ""
        if rate is None
        else f"{rate:.0%} of the episodes solved the task at some step"
    )


def _unknown(rows: int | None) -> str:
    """How many next observations nobody knows, and what that means for them."""
    if not rows:
        return ""
    return (
        f"not known in {_count(rows)} terminal rows; these count as transitions, but"
        " not for transition models, the likelihood selector and MBES's terminal"
        " states"
    )


def _parameters(parameters: Any) -> str:
    """`name = value`; of a long list only how many values it has."""

    def shown(value: Any) -> str:
        text = json.dumps(value)
        return text if len(text) <= 60 else f"({len(_flat(value))} values)"

    return _joined(
        *(f"{name} = {shown(value)}" for name, value in (parameters or {}).items())
    )


def _flat(value: Any) -> list[Any]:
    return (
        [number for part in value for number in _flat(part)]
        if isinstance(value, list)
        else [value]
    )


def _kinds(origin: Mapping[str, Any]) -> str:
    return " and ".join(
        f"{number} episodes of {kind}"
        for kind, number in origin.get("episodes_of_kinds", ())
    )


def _collector(origin: Mapping[str, Any]) -> str:
    """Who acted: an algorithm's policies, uniform actions, or what a foreign file says
    of itself."""
    collectors = [
        part.get("collector")
        for part in (origin, *origin.get("parts", ()))
        if part.get("collector")
    ]
    unknown = (
        "somebody; the file does not say who"
        if origin.get("kind") == "imported"
        else ""
    )
    return (
        " and ".join(_one_collector(collector) for collector in collectors) or unknown
    )


def _one_collector(collector: Any) -> str:
    if not isinstance(collector, Mapping):
        return str(collector)
    if "script" in collector:
        return (
            f"the script of {collector['script']}, its actions with noise of sd"
            f" {collector['noise']}"
        )
    if "algorithm" not in collector:
        return _joined(
            *(f"{key}: {str(value)[:80]}" for key, value in collector.items())
        )
    steps, returns = collector.get("medium_steps"), collector.get("returns", {})
    means = ", ".join(f"{name} {value:.0f}" for name, value in returns.items())
    return (
        f"{collector['algorithm']} (medium after {_count(steps)} steps; returns"
        f" {means})"
    )


def _source(source: Any) -> str:
    if not source:
        return ""
    return (
        f"{source.get('path')} ({source.get('format')}), SHA-256 {source.get('sha256')}"
    )


def _within(bounds: Mapping[str, Sequence[float]] | None) -> str:
    if bounds is None:
        return ""
    low, high = bounds["low"], bounds["high"]
    alike = len(set(low)) == len(set(high)) == 1
    return f"within {low[0]:g} to {high[0]:g}" if alike else f"within {low} to {high}"


def _versions(card: Card, origin: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = card.get("versions") or {
        n: origin[n] for n in MADE_WITH if n in origin
    }
    return found


def _mended(record: Mapping[str, Any]) -> str:
    """What an import changed, a sentence each; nothing where every count is 0."""
    numbers = {"largest_excess": 0.0, **record}
    sentences = [
        text.format(n=_count(record[k]), **numbers)
        for k, text in MENDED.items()
        if record.get(k)
    ]
    sentences += [
        f"Column {column} was {how.get('from')}; as float32,"
        f" {_count(how.get('changed', 0))} values differ, by at most"
        f" {how.get('largest_error', 0.0):.2g}."
        for column, how in (record.get("narrowed") or {}).items()
    ]
    if chosen := record.get("observation_dimensions"):
        kept = ", ".join(map(str, chosen["kept"]))
        sentences.append(
            f"Of {chosen['of']} observation dimensions these were kept: {kept}."
        )
    known = {*MENDED, "largest_excess", "narrowed", "observation_dimensions"}
    sentences += [
        f"{key}: {value}" for key, value in record.items() if key not in known and value
    ]
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else NOTHING


def _plausibility(found: Mapping[str, Any]) -> str:
    """How far the environment's own steps lead from what the file says, or why nobody
    tried."""
    if "skipped" in found:
        text = f"Not tried: {found['skipped']}."
    else:
        text = (
            f"{_count(found['rows'])} rows were set into the task's environment and"
            f" stepped by their actions. What followed is {found['error']:g} of a"
            " step's length away from what the file says (0: the same; 1: as far off"
            " as if nothing had moved)."
        )
    if "reward_error" in found:
        text += (
            f" Rewards differ by {found['reward_error']:g} of their standard deviation."
        )
    if "action_space" in found:
        text += f" The file says that its action space is {found['action_space']}."
    return f"<p>{escape(text)}</p>"


def _distribution(summary: Mapping[str, Any], quantity: str, what: str) -> str:
    figure = histogram(summary["histogram"], what) if "histogram" in summary else ""
    return (
        _table(("", *SUMMARY), [(quantity, *(summary[name] for name in SUMMARY))])
        + figure
    )


def _endings(card: Card) -> str:
    diverged = card.get("provenance", {}).get("diverged_episodes", 0)
    counts = {
        "ended by a terminal state": card.get("terminal_episodes"),
        "ended by the clock": card.get("timeout_episodes"),
        "of these before the horizon": card.get("timeouts_before_horizon"),
        "with a terminal flag at the horizon": card.get("terminal_at_horizon") or None,
        "broken off, because the physics diverged": diverged or None,
    }
    told = [f"{text}: {_count(n)}" for text, n in counts.items() if n is not None]
    return f"<p>Episodes {_joined(*told)}.</p>"


def _coverage(card: Card) -> str:
    """Every dimension's range, and how often an action touches its bounds."""
    rows = [
        row
        for name, summary in card["coverage"].items()
        for row in _dimensions(name, summary)
    ]
    touching = (
        f"<p>Actions at a bound: {card['at_bounds']:.1%} of the rows.</p>"
        if "at_bounds" in card
        else ""
    )
    return _table(("dimension", *SUMMARY), rows) + touching


def _dimensions(name: str, summary: Mapping[str, Any]) -> Iterable[tuple[Any, ...]]:
    if not isinstance(summary["mean"], list):
        return [(name, *(summary[s] for s in SUMMARY))]
    columns = (summary[s] for s in SUMMARY)
    return [
        (f"{name} {d}", *values) for d, values in enumerate(zip(*columns, strict=True))
    ]


def _references(card: Card) -> str:
    known = card.get("references") or {}
    titles = ["episodes", "mean", "sd"]
    if any("success" in of for of in known.values()):
        titles.append("success")
    rows = [(name, *map(of.get, titles)) for name, of in known.items()]
    table = _table(("returns of", *titles), rows) if rows else ""
    if "normalised_return" not in card:
        return table
    scale = "0 is the random policy's, 100 the expert's"
    return (
        table
        + f"<p>Normalised mean return: <strong>{card['normalised_return']:.1f}</strong>"
        f" ({scale}).</p>"
    )


def _table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Numbers under titles, a row's name before them; four significant digits."""

    def cell(value: Any) -> str:
        shown = "" if value is None else _number(value)
        return f'<td style="text-align: right">{shown}</td>'

    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th>{"".join(map(cell, values))}</tr>'
        for name, *values in rows
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _number(value: float) -> str:
    return (
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:,.1f}"
        if abs(value) >= 1_000
        else f"{value:.4g}"
    )


def histogram(bins: Mapping[str, Sequence[float]], what: str) -> str:
    """Bars of `{counts (B,), edges (B + 1,)}` as SVG; pointing at one tells its range
    and count."""
    counts, edges = bins["counts"], bins["edges"]
    width = WIDTH / len(counts)
    heights = [
        max(2.0, HEIGHT * count / max(counts)) if count else 0.0 for count in counts
    ]
    bars = "".join(
        f'<rect x="{n * width:.1f}" y="{HEIGHT - height:.1f}" width="{width - 2:.1f}"'
        f' height="{height:.1f}" fill="{PALETTE[0]}"><title>{_number(edges[n])} to'
        f" {_number(edges[n + 1])}: {counts[n]:,}</title></rect>"
        for n, height in enumerate(heights)
    )
    foot = HEIGHT + FOOT - 6
    return (
        f'<figure style="margin: 1rem 0"><svg role="img" aria-label="{escape(what)}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT + FOOT}" width="{WIDTH}" style="max-width:'
        f' 100%" font-size="13" fill="#555">{bars}<line x1="0" x2="{WIDTH}"'
        f' y1="{HEIGHT}" y2="{HEIGHT}" stroke="#888"/><text x="0"'
        f' y="{foot}">{_number(edges[0])}</text><text x="{WIDTH // 2}" y="{foot}"'
        f' text-anchor="middle">{escape(what)} (highest bar:'
        f' {max(counts):,})</text><text x="{WIDTH}" y="{foot}"'
        f' text-anchor="end">{_number(edges[-1])}</text></svg></figure>\n'
    )
