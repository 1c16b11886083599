"""Records that may be missing, as a Kedro dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oer_pipeline.datasets.documents import JSONDataset


class OptionalJSONDataset(JSONDataset):
    """JSON that may not be there: it is empty then, and nothing has to make it first.

    No record vouches for it: it tells about results and decides none.
    """

    is_external = True

    def load(self) -> Any:
        return self.read(self._filepath) if self._filepath.is_file() else {}

    def paths(self) -> dict[int | None, Path]:
        return {None: self._filepath} if self._filepath.is_file() else {}
