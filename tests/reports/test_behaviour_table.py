"""docs/data.md shows what the behaviour files record."""

from __future__ import annotations

from pathlib import Path

import pytest

from oer_pipeline.reports.behaviour_table import (
    NAMED,
    SCRIPTED,
    behaviour_table,
    main,
    script_table,
)
from oer_pipeline.suites.behaviour_training import configured_suites

ROOT = Path(__file__).parents[2]


def test_the_table_in_the_documentation_is_the_one_that_the_command_prints() -> None:
    printed = behaviour_table(configured_suites(NAMED, ROOT / "conf"))
    assert printed.count("\n") == 2 + 25
    assert printed in (ROOT / "docs" / "data.md").read_text()


def test_the_table_of_scripts_is_the_one_that_the_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(
        "metaworld",
        reason="Meta-World is not installed: pip install 'oer_pipeline[metaworld]'",
    )
    suites = configured_suites(tuple(SCRIPTED), ROOT / "conf")
    assert [len(suite.tasks) for suite in suites] == list(SCRIPTED.values())
    table = script_table(suites)
    assert table.count("\n") == 2 + 14
    assert "| - |" not in table  # every task has its clone
    assert table in (ROOT / "docs" / "data.md").read_text()
    monkeypatch.chdir(ROOT)
    main(["continual_world_3"])
    printed = capsys.readouterr().out
    assert printed.count("\n") == 2 + 3
    assert "hammer-v3" in printed


def test_an_unknown_suite_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(
        SystemExit, match="unknown suite 'ant_dirr'; did you mean ant_dir"
    ):
        main(["ant_dirr"])
