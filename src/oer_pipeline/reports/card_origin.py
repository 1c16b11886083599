"""Where a data set comes from and what was repaired in it, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from oer_pipeline.reports.page import Bullets, Folded, Part
from oer_pipeline.reports.table import Table
from oer_pipeline.trajectories.card import MADE_WITH
from oer_pipeline.trajectories.qualities import IMPORTED

Card: TypeAlias = Mapping[str, Any]
"""What `trajectories.card.data_card` returns, or reads back from JSON; keys may be
absent."""

LONGEST_VALUE = 60
NOTHING = "Nothing: the data are as they came."
REPAIRS = {
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
        "{n} last rows of episodes were dropped, because their next observations are"
        " not known."
    ),
}


def origin(card: Card) -> list[Part]:
    """What is known of the data's origin and size, and everything recorded, folded
    away."""
    rows = []
    for name, value in _facts(card).items():
        if value not in (None, ""):
            rows.append((name, str(value)))
    record = json.dumps(card.get("provenance", {}), indent=1, sort_keys=True)
    return [
        Table(("", ""), tuple(rows), words=2),
        Folded("Everything recorded of its origin", record),
    ]


def _facts(card: Card) -> dict[str, Any]:
    """Facts by name; what is not known is empty."""
    made = card.get("provenance", {})
    without_rewards = "coverage" in card and "reward" not in card["coverage"]
    size = count(card.get("action_size"), "dimensions")
    parameters = _parameters(made.get("parameters") or {})
    libraries = [f"{name} {version}" for name, version in versions(card).items()]
    bounds = card.get("action_bounds")
    arrays = card.get("bytes")
    success = card.get("success_rate")
    return {
        "Suite, task": _joined(made.get("suite"), made.get("task")),
        "Family, parameters": _joined(made.get("family"), parameters),
        "Quality": _joined(made.get("quality"), _kinds(made)),
        "Collected by": _collectors(made),
        "Source": _source(made.get("source") or {}),
        "Horizon": count(made.get("horizon"), "steps"),
        "Transitions": _joined(
            count(card.get("transitions")),
            "" if arrays is None else f"{arrays / 1e6:,.1f} MB as arrays",
        ),
        "Episodes": count(card.get("episodes")),
        "Rewards": "none" if without_rewards else "",
        "Success": "" if success is None else _success(success),
        "Next observations": _unknown(card.get("unknown_next_observations")),
        "Observation": count(card.get("observation_size"), "dimensions"),
        "Action": _joined(size, "" if bounds is None else _within(bounds)),
        "Made with": _joined(*libraries),
        "Licence": made.get("licence"),
        "Schema": card.get("schema_version"),
        "SHA-256 of the content": card.get("sha256"),
    }


def count(number: Any, unit: str = "") -> str:
    """`1,000 steps`; nothing for what is not known."""
    if number is None:
        return ""
    return f"{number:,} {unit}".strip()


def _joined(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part not in (None, ""))


def _success(rate: float) -> str:
    return f"{rate:.0%} of the episodes solved the task at some step"


def _unknown(rows: int | None) -> str:
    """How many next observations are not known, and what that means for them."""
    if not rows:
        return ""
    return (
        f"not known in {count(rows)} terminal rows; these count as transitions, but"
        " not for transition models, the likelihood selector and MBES's terminal"
        " states"
    )


def _parameters(parameters: Mapping[str, Any]) -> str:
    """`name = value`; of a long list only how many values it has."""
    texts = []
    for name, value in parameters.items():
        text = json.dumps(value)
        if len(text) > LONGEST_VALUE:
            text = f"({_values_in(value)} values)"
        texts.append(f"{name} = {text}")
    return _joined(*texts)


def _values_in(value: Any) -> int:
    """How many numbers a list, or a list of lists, holds."""
    if not isinstance(value, list):
        return 1
    return sum(_values_in(part) for part in value)


def _kinds(made: Mapping[str, Any]) -> str:
    texts = []
    for kind, episodes in made.get("episodes_of_kinds", ()):
        texts.append(f"{episodes} episodes of {kind}")
    return " and ".join(texts)


def _collectors(made: Mapping[str, Any]) -> str:
    """Who acted: an algorithm's policies, uniform actions, or what a foreign file says
    of itself."""
    texts = []
    for part in (made, *made.get("parts", ())):
        if part.get("collector"):
            texts.append(_collector(part["collector"]))
    if not texts and made.get("kind") == IMPORTED:
        return "not known: the file does not say who"
    return " and ".join(texts)


def _collector(collector: Any) -> str:
    if not isinstance(collector, Mapping):
        return str(collector)
    if "script" in collector:
        noise = f"its actions with noise of sd {collector['noise']}"
        return f"the script of {collector['script']}, {noise}"
    if "algorithm" not in collector:
        return _joined(*(f"{key}: {str(text)[:80]}" for key, text in collector.items()))
    returns = collector.get("returns", {})
    means = _joined(*(f"{name} {mean:.0f}" for name, mean in returns.items()))
    steps = count(collector.get("medium_steps"))
    return f"{collector['algorithm']} (medium after {steps} steps; returns {means})"


def _source(source: Mapping[str, Any]) -> str:
    if not source:
        return ""
    place = f"{source.get('path')} ({source.get('format')})"
    return f"{place}, SHA-256 {source.get('sha256')}"


def _within(bounds: Mapping[str, Sequence[float]]) -> str:
    low = bounds["low"]
    high = bounds["high"]
    alike = len(set(low)) == len(set(high)) == 1
    return f"within {low[0]:g} to {high[0]:g}" if alike else f"within {low} to {high}"


def versions(card: Card) -> dict[str, str]:
    """The libraries that made the data, by name."""
    if card.get("versions"):
        return dict(card["versions"])
    made = card.get("provenance", {})
    return {name: made[name] for name in MADE_WITH if name in made}


def repairs(card: Card) -> list[Part]:
    """What an import changed, a sentence each; nothing where every count is 0."""
    provenance = card.get("provenance", {})
    record = card.get("mended") or provenance.get("mended") or {}
    numbers = {"largest_excess": 0.0, **record}
    sentences = []
    for key, text in REPAIRS.items():
        if record.get(key):
            sentences.append(text.format(n=count(record[key]), **numbers))
    for column, how in (record.get("narrowed") or {}).items():
        error = f"{how.get('largest_error', 0.0):.2g}"
        sentences.append(
            f"Column {column} was {how.get('from')}; as float32,"
            f" {count(how.get('changed', 0))} values differ, by at most {error}."
        )
    chosen = record.get("observation_dimensions")
    if chosen:
        kept = _joined(*chosen["kept"])
        sentences.append(
            f"Of {chosen['of']} observation dimensions these were kept: {kept}."
        )
    told = {*REPAIRS, "largest_excess", "narrowed", "observation_dimensions"}
    for key, value in record.items():
        if key not in told and value:
            sentences.append(f"{key}: {value}")
    return [Bullets(sentences)] if sentences else [NOTHING]
