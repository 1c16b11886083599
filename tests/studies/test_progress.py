"""What is said of a grid under way: shares, times left, lines."""

from __future__ import annotations

import pytest

from oer_pipeline.studies import progress as module
from oer_pipeline.studies.jobs import Job, Outcome, Status
from oer_pipeline.studies.progress import Progress, duration


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def one(clock: Clock, expected: float = 100.0) -> Progress:
    """A grid of one job that has begun."""
    progress = Progress([Job("cell", (), expected=expected)], 1)
    progress.hear({"job": "cell", "line": "starting"})
    return progress


def test_a_running_job_is_taken_to_go_on_as_fast_as_it_has_gone(clock: Clock) -> None:
    progress = one(clock)
    progress.hear({"job": "cell", "line": "Node 1 of 8: task_1.train (seeds 0)"})
    clock.now += 300.0  # three times as long as expected, and only a quarter done
    progress.hear({"job": "cell", "line": "Node 3 of 8: task_2.train (seeds 0)"})
    assert progress.left() == pytest.approx(300.0 * 3)
    progress.hear(
        {
            "job": "cell",
            "line": "train task 2 (ewc, seeds 0): 4000/8000 updates, 100/s, 40 s left",
        }
    )
    assert progress.left() == pytest.approx(300.0 * (1 - 2.5 / 8) / (2.5 / 8))


def test_the_time_left_never_stands_at_nothing_while_a_job_runs(clock: Clock) -> None:
    progress = one(clock, expected=100.0)
    clock.now += 500.0
    assert progress.left() == pytest.approx(50.0)  # a tenth of what it has taken


def test_what_waits_is_expected_to_be_as_slow_as_what_is_done(clock: Clock) -> None:
    jobs = [
        Job("a", (), expected=600.0),
        Job("b", (), ("a",), 600.0),
        Job("c", (), ("a",), 600.0),
    ]
    progress = Progress(jobs, 2)
    assert progress.left() == pytest.approx(1200.0)  # a, then b beside c
    progress.hear({"job": "a", "line": "starting"})
    clock.now += 1800.0
    progress.ended(Outcome("a", Status.DONE, 1800.0))
    # The guess counts as 600 s that were kept to: (600 + 1800) / (600 + 600) times
    # slower.
    assert progress.left() == pytest.approx(1200.0)
    assert "1 of 3 done, 30:00 min gone, about 20:00 min left" in progress.lines()[0]


def test_a_job_that_is_tried_again_begins_anew(clock: Clock) -> None:
    progress = one(clock)
    progress.hear({"job": "cell", "line": "Node 8 of 8: draw"})
    clock.now += 50.0
    progress.hear({"job": "cell", "line": "starting"})
    assert progress.left() == pytest.approx(100.0)
    assert progress.lines()[1] == "  cell: 0%, about 1:40 min left; starting"


def hear_updates(progress: Progress, done: float, whole: int = 1000) -> None:
    """The line of a training within the only node of its job."""
    line = f"train task 1 (er, seeds 0): {round(done)}/{whole} updates, 9/s, 40 s left"
    progress.hear({"job": "cell", "line": line})


def test_the_time_left_is_honest_when_the_machine_gets_busy(clock: Clock) -> None:
    """A job of 600 s whose rate halves midway: soon the estimate is the truth."""
    progress = one(clock, expected=600.0)
    progress.hear({"job": "cell", "line": "Node 1 of 1: task_1.train (seeds 0)"})
    begun = clock.now
    wrong: dict[int, float] = {}
    for second in range(0, 900, 2):
        clock.now = begun + second
        done = second / 600 if second <= 300 else 0.5 + (second - 300) / 1200
        hear_updates(progress, 1_000_000 * done, 1_000_000)
        wrong[second] = progress.left() / (900 - second)
    assert wrong[298] == pytest.approx(300 / 602, abs=0.02)  # nobody could know
    assert all(ratio > 0.62 for second, ratio in wrong.items() if second >= 350)
    assert all(ratio > 0.78 for second, ratio in wrong.items() if second >= 400)
    after = [ratio for second, ratio in wrong.items() if second >= 452]
    assert all(ratio == pytest.approx(1.0, abs=0.01) for ratio in after)


def test_a_job_that_stands_still_has_more_and_more_time_left(clock: Clock) -> None:
    """It once said "0:13 min left" for two minutes."""
    progress = one(clock, expected=100.0)
    progress.hear({"job": "cell", "line": "Node 1 of 1: task_1.train (seeds 0)"})
    for done in range(0, 900, 10):
        hear_updates(progress, done)
        clock.now += 1.0
    told = []
    for _ in range(12):
        told.append(progress.left())
        clock.now += 10.0
    assert told[0] == pytest.approx(11.0, abs=1.5)
    assert told == sorted(told)
    assert told[-1] > 4 * told[0]


def test_nodes_that_were_kept_are_no_sign_of_speed(clock: Clock) -> None:
    progress = one(clock, expected=100.0)
    clock.now += 5.0
    progress.hear({"job": "cell", "line": "Node 7 of 9: task_3.train (seeds 0)"})
    clock.now += 40.0
    progress.hear({"job": "cell", "line": "Node 8 of 9: task_3.select (seeds 0)"})
    assert progress.left() == pytest.approx(80.0)


def test_a_line_has_the_jobs_own_time_left_and_not_its_trainings(clock: Clock) -> None:
    progress = one(clock)
    progress.hear({"job": "cell", "line": "Node 1 of 2: task_1.train (seeds 0)"})
    clock.now += 60.0
    hear_updates(progress, 500)
    [_, line] = progress.lines()
    assert line == (
        "  cell: 25%, about 3:00 min left;"
        " train task 1 (er, seeds 0): 500/1000 updates, 9/s"
    )


def test_what_ended_long_ago_says_less_about_the_pace(clock: Clock) -> None:
    jobs = [
        Job("fast", (), expected=3600.0),
        Job("slow", (), expected=600.0),
        Job("next", (), expected=600.0),
    ]
    progress = Progress(jobs, 1)
    progress.ended(Outcome("fast", Status.DONE, 3600.0))
    clock.now += 6 * 3600.0
    progress.ended(Outcome("slow", Status.DONE, 3600.0))
    assert progress.left() > 3 * 600.0


def test_lines_of_other_grids_are_not_ours(clock: Clock) -> None:
    progress = one(clock)
    progress.hear({"job": "stranger", "line": "Node 1 of 2: x"})
    assert len(progress.lines()) == 2


def test_how_a_job_ended_is_one_line(clock: Clock) -> None:
    progress = one(clock)
    assert (
        progress.end_line(Outcome("cell", Status.DONE, 65.0))
        == "done: cell in 1:05 min"
    )
    failed = Outcome("cell", Status.FAILED, 1.0, "line 1\nError: this")
    assert progress.end_line(failed) == "failed: cell; Error: this"


def test_times_read_well() -> None:
    assert [duration(s) for s in (0.0, 59.9, 61.0, 3600.0, 7384.0)] == [
        "0:00 min",
        "0:59 min",
        "1:01 min",
        "1:00 h",
        "2:03 h",
    ]
