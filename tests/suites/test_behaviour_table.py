"""docs/data.md shows what the behaviour files record."""

from __future__ import annotations

from pathlib import Path

from oer_pipeline.suites.behaviour_table import NAMED, behaviour_table
from oer_pipeline.suites.behaviour_training import configuration
from oer_pipeline.suites.suite import Suite

ROOT = Path(__file__).parents[2]


def test_the_table_in_the_documentation_is_the_one_that_the_command_prints() -> None:
    config = configuration(ROOT / "conf", "suites")
    printed = behaviour_table([Suite.from_config(name, config[name]) for name in NAMED])
    assert printed.count("\n") == 2 + 25
    assert printed in (ROOT / "docs" / "data.md").read_text()
