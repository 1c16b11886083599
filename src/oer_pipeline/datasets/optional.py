"""Records that may be missing, as a Kedro dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import DataError
from oer_pipeline.datasets.documents import JSONDataset


class OptionalJSONDataset(JSONDataset):
    """A JSON object that may be missing or damaged: it is empty then, and nothing has
    to make it first.

    No record vouches for it: it tells about results and decides none.
    """

    is_external = True

    def load(self) -> Any:
        try:
            found = self.read(self._filepath)
        except DataError:
            return {}
        return found if isinstance(found, dict) else {}

    def paths(self) -> dict[int | None, Path]:
        return {None: self._filepath} if self._filepath.is_file() else {}
