"""Films: pictures at the right times with the right returns; drawn without a screen
only where something can draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from oer_pipeline.common.errors import ConfigurationError, OERError
from oer_pipeline.reports.film import (
    Film,
    draw,
    film,
    write_film,
    write_sheet,
)
from oer_pipeline.suites.behaviour import GaussianPolicy, UniformPolicy, play
from oer_pipeline.suites.cheetah_vel import CheetahVel
from oer_pipeline.suites.suite import Suite, Task

Constant = Callable[[int, int, float], GaussianPolicy]
Counting = Callable[..., Suite]


@pytest.fixture
def short(counting: Counting, constant: Constant) -> Film:
    """20 steps of 0.05 s, each of reward 0.5; the pictures of a `Counter` show ten
    times its step."""
    return film(counting(horizon=20).tasks[0], constant(1, 1, 0.5), interval=0.2)


def test_pictures_carry_their_time_and_the_return_until_then(short: Film) -> None:
    assert [int(picture.mean()) for picture in short.pictures] == [
        0,
        40,
        80,
        120,
        160,
        200,
    ]
    np.testing.assert_allclose(short.seconds, [0, 0.2, 0.4, 0.6, 0.8, 1.0])
    np.testing.assert_allclose(short.returns, [0, 2, 4, 6, 8, 10])
    assert {picture.shape for picture in short.pictures} == {(240, 320, 3)}


def test_a_film_ends_with_its_episode(counting: Counting, constant: Constant) -> None:
    ended = film(
        counting(horizon=20, ends=9).tasks[0], constant(1, 1, 0.5), interval=0.2
    )
    broken = film(
        counting(horizon=20, breaks=9).tasks[0], constant(1, 1, 0.5), interval=0.2
    )
    assert ended.returns == broken.returns == [0, 2, 4]


def test_it_shows_an_episode_as_it_is_played(counting: Counting) -> None:
    task = counting(horizon=20).tasks[0]
    shown = film(task, UniformPolicy(), seed=4, interval=0.05)
    assert shown.returns[-1] == pytest.approx(
        play(task, UniformPolicy(), 1, "film", seed=4).returns[0], abs=1e-5
    )
    assert (
        shown.returns[-1]
        != film(task, UniformPolicy(), seed=5, interval=0.05).returns[-1]
    )


@pytest.mark.parametrize(("ending", "codec"), [(".mp4", "h264"), (".webm", "vp9")])
def test_a_video_runs_as_fast_as_the_episode_and_is_the_same_twice(
    short: Film, tmp_path: Path, ending: str, codec: str
) -> None:
    path = tmp_path / "deep" / f"a{ending}"
    write_film(short, path, "a title")
    with av.open(str(path)) as container:
        [stream] = container.streams.video
        assert stream.codec_context.name == codec
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert container.metadata["title"] == "a title"
        frames = list(container.decode(stream))
    assert [(frame.width, frame.height) for frame in frames] == [(320, 240)] * 6
    np.testing.assert_allclose([frame.time for frame in frames], short.seconds)
    shown = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    np.testing.assert_allclose(shown, [0, 40, 80, 120, 160, 200], atol=3)
    write_film(short, path.with_name(f"b{ending}"), "a title")
    assert path.read_bytes() == path.with_name(f"b{ending}").read_bytes()


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_an_animation_runs_as_fast_as_the_episode(
    short: Film, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / "deep" / f"a{ending}"
    write_film(short, path, "a title")
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 6
        assert image.size == (320, 240)
        image.seek(1)
        image.load()
        assert image.info["duration"] == 200
        assert image.info["loop"] == 0
        if ending == ".gif":
            assert image.info["comment"] == b"a title"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("pictures", [1, 6])
def test_a_sheet_has_eight_moments_and_is_the_same_twice(
    short: Film, tmp_path: Path, pictures: int
) -> None:
    part = Film(
        short.pictures[:pictures], short.seconds[:pictures], short.returns[:pictures]
    )
    for name in ("a.png", "b.png"):
        write_sheet(part, tmp_path / name, "a title")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1300, 560)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def cheetah() -> Task:
    config = {"family": "cheetah_vel", "tasks": [{"target_velocity": 1.5}]}
    return Suite.from_config("mine", {**config, "horizon": 50}).tasks[0]


def test_what_cannot_be_drawn_is_one_line(tmp_path: Path) -> None:
    task = cheetah()
    for stage, name, words in (
        ("zero", "a.avi", r"ending is '.avi'; choose one of .gif, .mp4, .png, .webm"),
        ("last", "a.png", "stage is 'last'; choose one of final, medium, random"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            draw(task, stage, tmp_path / name, tmp_path)
    unknown = replace(task, parameters={"target_velocity": 123.0})
    with pytest.raises(OERError, match="no behaviour policies at"):
        draw(unknown, "final", tmp_path / "a.png", tmp_path)


def test_a_machine_that_cannot_draw_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_driver(*_: Any) -> None:
        raise RuntimeError("no\nEGL device")

    monkeypatch.setattr(CheetahVel, "picture", no_driver)
    words = r"^nothing can draw here; it takes EGL .* or a screen: .* no EGL device$"
    with pytest.raises(OERError, match=words):
        draw(cheetah(), "zero", tmp_path / "a.webp", tmp_path)
    assert not list(tmp_path.iterdir())


def test_it_draws_a_robot(
    tmp_path: Path, can_draw: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_draw:
        pytest.skip("neither EGL nor a screen")
    monkeypatch.setattr("oer_pipeline.reports.film.INTERVAL", 5.0)
    draw(cheetah(), "zero", tmp_path / "a.gif", tmp_path)
    with Image.open(tmp_path / "a.gif") as image:
        assert np.asarray(image.convert("RGB")).std() > 20
