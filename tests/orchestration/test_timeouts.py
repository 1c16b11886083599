"""Work that never ends is waited for so long, and no longer."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from oer_pipeline.orchestration.timeouts import NoAnswerError, WatchedClient, within


def test_work_that_ends() -> None:
    assert within(None, lambda: 3) == 3
    assert within(5.0, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)


def test_work_that_does_not_end() -> None:
    never = threading.Event()
    started = time.monotonic()
    with pytest.raises(NoAnswerError, match="no answer within 0 s"):
        within(0.2, never.wait)
    assert time.monotonic() - started < 3.0
    never.set()


class Client:
    def answer(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def log_artifact(self, run: str, path: str) -> None:
        time.sleep(0.6)

    def log_model_artifacts(self, model: str, folder: str) -> None:
        time.sleep(0.6)


def test_answers_may_take_long_together_but_not_one_alone(tmp_path: Path) -> None:
    client = WatchedClient(Client())
    assert within(0.5, lambda: [client.answer(0.2) for _ in range(5)], client)
    assert client.waiting == 0.0
    with pytest.raises(NoAnswerError):
        within(0.3, lambda: client.answer(3.0), client)


def test_a_large_file_may_take_longer(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"")
    large.write_bytes(bytes(2_000_000))
    client = WatchedClient(Client())
    within(0.2, lambda: client.log_artifact("run", str(large)), client)
    with pytest.raises(NoAnswerError):
        within(0.2, lambda: client.log_artifact("run", str(small)), client)


def test_a_large_folder_may_take_longer(tmp_path: Path) -> None:
    """As that of a model."""
    (tmp_path / "model" / "artifacts").mkdir(parents=True)
    (tmp_path / "model" / "artifacts" / "policy").write_bytes(bytes(2_000_000))
    (tmp_path / "empty").mkdir()
    client = WatchedClient(Client())
    large, empty = str(tmp_path / "model"), str(tmp_path / "empty")
    within(0.2, lambda: client.log_model_artifacts("model", large), client)
    with pytest.raises(NoAnswerError):
        within(0.2, lambda: client.log_model_artifacts("model", empty), client)
