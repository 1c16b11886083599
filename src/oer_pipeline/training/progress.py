"""A line every few seconds that says what is running and how long it will take."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytorch_lightning as pl

logger = logging.getLogger(__name__)


class Progress(pl.Callback):
    """Logs updates done, updates per second and the time left; `done` updates were done
    before."""

    def __init__(
        self,
        title: str,
        updates: int,
        done: int = 0,
        every_seconds: float = 10.0,
    ) -> None:
        self._title = title
        self._updates = updates
        self._first = done
        self._every = every_seconds
        self._started = time.monotonic()
        self._last = self._started

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, *args: Any, **kwargs: Any
    ) -> None:
        now = time.monotonic()
        done = pl_module.task_training.updates
        if now - self._last < self._every and done < self._updates:
            return
        self._last = now
        rate = (done - self._first) / (now - self._started)
        left = (self._updates - done) / rate
        logger.info(
            "%s: %d/%d updates, %.0f/s, %.0f s left",
            self._title,
            done,
            self._updates,
            rate,
            left,
        )
