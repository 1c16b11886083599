"""`kedro film` of a cell: the policies of a finished run, or one line for why not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import av
import pytest

from oer_pipeline.common.errors import ConfigurationError, OERError
from oer_pipeline.reports.repeat import FILM
from oer_pipeline.studies.films import film_cell


@pytest.fixture
def here(finished: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(finished.path)
    path: Path = finished.path
    return path


def params(**more: str) -> str:
    told = {"seeds": "0", **more}
    return ",".join(f"{name}={value}" for name, value in told.items())


def test_the_film_of_a_finished_cell_lies_beside_its_page(
    here: Path, can_draw: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_draw:
        pytest.skip("neither EGL nor a screen")
    drawn = film_cell(params(), "test", after="2", tasks="2")
    try:
        assert drawn.name == FILM
        assert drawn.with_name("report.html").is_file()
        page = drawn.with_name("report.html").read_text()
        assert f'data-film="{FILM}"' in page
        assert "kedro film --env=test --params=" in page
        with av.open(str(drawn)) as container:
            assert len(list(container.decode(video=0))) > 1
    finally:
        drawn.unlink()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"out": Path("a.avi")}, "ending is '.avi'; choose one of .gif, .mp4, .png"),
        ({"after": "7"}, "--after is '7'; this cell has 1"),
        ({"tasks": "x"}, "--tasks are 'x'; give a range"),
        ({"after": "1", "tasks": "2"}, "not learned after task 1"),
        (
            {"params": params(seeds="77")},
            "has no policies after task_1, seed 77; kedro",
        ),
    ],
)
def test_what_a_cell_does_not_have_is_one_line(
    here: Path, told: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        film_cell(**{"params": params(), "env": "test", **told})


def test_more_panels_than_can_be_told_apart_are_refused(
    here: Path,
) -> None:
    with pytest.raises(ConfigurationError, match="820 panels, at most 36"):
        film_cell("suite=cheetah_vel_40,tasks=40,quality=random,seeds=0")


def test_damaged_policies_are_not_shown(
    resumed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(resumed.path)
    models = resumed.path / "data" / "test" / "06_models"
    [first] = models.glob("*/*/*/seed_0/task_1_policies.safetensors")
    other = first.with_name("task_2_policies.safetensors")
    shutil.copyfile(other, first)
    with pytest.raises(OERError, match="the film needs the policies after task_1"):
        film_cell(params(), "test")
