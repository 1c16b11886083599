"""What docs/performance.md says of a GPU run, written from its results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import updates_per_second
from benchmarks.figure import keep_records
from benchmarks.updates_per_second import Record
from oer_pipeline.reports.document_blocks import rewrite

RESULTS = Path(__file__).with_name("results.json")


def merge(results: Mapping[str, Any], page: Path = updates_per_second.PAGE) -> None:
    """Put a run's figures among the project's records, and its account on the page."""
    found = [
        *results.get("paper_rates", {}).get("records", ()),
        *results.get("rates", {}).get("records", ()),
    ]
    records = updates_per_second.keep(
        updates_per_second.RECORDS, [Record(**record) for record in found]
    )
    keep_records(results.get("ratios", {}).get("figures", []))
    rewrite(
        page,
        {
            "updates_per_second": updates_per_second.block(records),
            "gpu": account(results),
        },
    )


def account(results: Mapping[str, Any]) -> str:
    """Markdown: what was tried, a line each, failures included."""
    lines = [
        (
            "Measured on"
            f" **{results.get('machine', {}).get('device', 'an unknown device')}** by"
            " `make gpu`."
        ),
        "",
    ]
    lines += ["| step | result |", "| --- | --- |"]
    for name, result in results.items():
        lines.append(f"| {name} | {_words(name, result)} |")
    return "\n".join(lines)


def _words(name: str, result: Mapping[str, Any]) -> str:
    if "error" in result:
        *_, last = ["", *str(result["error"]).strip().splitlines()]
        return f"**failed**: {last[:200]}"
    if name in ("paper_rates", "rates"):
        return f"{len(result['records'])} rates, in the table above"
    if name == "ratios":
        return ", ".join(
            f"{f['name']} {f['value']:.3g} (target {f['target']:g})"
            for f in result["figures"]
        )
    shown = {key: value for key, value in result.items() if key != "seconds"}
    if name == "profile":
        shown = {"longest kernels, us a period": _longest(shown)}
    return "; ".join(f"{key}: {_value(value)}" for key, value in shown.items())


KERNELS = 5
"""Of a profile, on the page."""
LETTERS = 40
"""Of a kernel's name."""


def _longest(profile: Mapping[str, Any]) -> dict[str, float]:
    """The kernels that take longest, by the beginning of their names, each together."""
    [microseconds] = profile.values()
    by_name: dict[str, float] = {}
    for name, taken in microseconds.items():
        short = f"`{name[:LETTERS]}`"
        by_name[short] = by_name.get(short, 0.0) + taken
    longest = sorted(by_name, key=lambda name: -by_name[name])
    return {name: by_name[name] for name in longest[:KERNELS]}


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(inner)}" for key, inner in value.items())
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"
