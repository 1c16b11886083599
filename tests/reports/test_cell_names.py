"""A method's name says what differs, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from oer_pipeline.reports.cell_names import names_of, renamed


def cell(method: str, changes: str = "") -> dict[str, Any]:
    return {"method": method, "cell": f"{method}-{changes}" if changes else method}


@pytest.mark.parametrize(
    ("cells", "short", "shared"),
    [
        ([cell("oer"), cell("er")], ["oer", "er"], ()),
        (
            [cell("oer", "replay.size=30"), cell("er", "replay.size=30")],
            ["oer", "er"],
            ("replay.size=30",),
        ),
        (
            [
                cell("oer", "learner.heads=single-replay.size=30"),
                cell("oer", "learner.heads=single-replay.size=100"),
            ],
            ["replay.size=30", "replay.size=100"],
            ("learner.heads=single",),
        ),
        (
            [cell("oer", "replay.size=30"), cell("oer"), cell("er")],
            ["oer, replay.size=30", "oer", "er"],
            (),
        ),
        ([cell("oer", "replay.size=30"), cell("oer")], ["replay.size=30", "oer"], ()),
        ([cell("oer", "df57e961a2"), cell("er", "df57e961a2")], ["oer", "er"], ()),
        (
            [cell("oer", "df57e961a2"), cell("oer", "aaaaaaaaaa")],
            ["oer-df57e961a2", "oer-aaaaaaaaaa"],
            (),
        ),
    ],
)
def test_names(cells: list[Any], short: list[str], shared: tuple[str, ...]) -> None:
    names = names_of(cells)
    assert list(names.short.values()) == short
    assert names.shared == shared
    assert [one["cell"] for one in renamed(cells, names)] == short


def test_what_a_hash_hides_is_told() -> None:
    cells = [cell("oer", "df57e961a2"), cell("oer", "aaaaaaaaaa")]
    told = {
        "oer-df57e961a2": "learner.base=bc,replay.size=30",
        "oer-aaaaaaaaaa": "learner.base=bc,replay.size=40",
    }
    names = names_of(cells, told)
    assert list(names.short.values()) == ["replay.size=30", "replay.size=40"]
    assert names.shared == ("learner.base=bc",)
