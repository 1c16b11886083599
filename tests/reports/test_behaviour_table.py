"""docs/data.md shows what the behaviour files record."""

from __future__ import annotations

from pathlib import Path

import pytest

from oer_pipeline.reports.behaviour_table import (
    NAMED,
    SCRIPTED,
    behaviour_table,
    script_table,
    tables,
)
from oer_pipeline.studies.behaviours import suites_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_table_in_the_documentation_is_the_one_that_the_command_prints() -> None:
    printed = behaviour_table(suites_of(NAMED))
    assert printed.count("\n") == 2 + 25
    assert printed in (ROOT / "docs" / "data.md").read_text()


def test_the_table_of_scripts_is_the_one_that_the_command_prints() -> None:
    pytest.importorskip(
        "metaworld",
        reason="Meta-World is not installed: pip install 'oer_pipeline[metaworld]'",
    )
    suites = suites_of(tuple(SCRIPTED))
    assert [len(suite.tasks) for suite in suites] == list(SCRIPTED.values())
    table = script_table(suites)
    assert table.count("\n") == 2 + 14
    assert "| - |" not in table  # every task has its clone
    assert table in (ROOT / "docs" / "data.md").read_text()
    of_three = tables(suites_of(["continual_world_3"]))
    assert of_three.count("\n") == 2 + 3
    assert "hammer-v3" in of_three
    both = tables(suites_of(["continual_world_3", "ant_dir"]))
    assert both.startswith(
        "| suite | task | MDP | random | zero action | medium (after"
    )
    assert of_three in both
