"""Records, pages and pictures as Kedro datasets."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.json_text import read_json
from oer_pipeline.datasets.file import FileDataset
from oer_pipeline.datasets.previews import HTMLPreview, ImagePreview, JSONPreview

SHOWN_TEXTS = (".md", ".txt")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class JSONDataset(FileDataset):
    """Plain values as JSON with sorted keys; NaN and infinity are refused: what is not
    known is null."""

    def read(self, path: Path) -> Any:
        return read_json(path)

    def write(self, path: Path, value: Any) -> None:
        path.write_text(
            encoded(value, self.where, indent=2) + "\n", encoding="utf-8", newline="\n"
        )

    def preview(self) -> JSONPreview:
        """The document, for Kedro-Viz."""
        return JSONPreview(json.dumps(self.load()))


class TextDataset(FileDataset):
    """A string as UTF-8, line ends untouched."""

    def read(self, path: Path) -> str:
        try:
            return path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{self.where}: not UTF-8 text: {error}") from error

    def write(self, path: Path, value: str) -> None:
        path.write_bytes(value.encode("utf-8"))

    def preview(self) -> HTMLPreview:
        """The text, for Kedro-Viz; none of pages and scripts, which a browser opens."""
        if self._filepath.suffix not in SHOWN_TEXTS:
            return HTMLPreview("")
        return HTMLPreview(f"<pre>{escape(self.load())}</pre>")


class PNGDataset(FileDataset):
    """The bytes of a PNG picture."""

    def read(self, path: Path) -> bytes:
        return self._checked(path.read_bytes())

    def write(self, path: Path, value: bytes) -> None:
        path.write_bytes(self._checked(value))

    def preview(self) -> ImagePreview:
        """The picture, for Kedro-Viz."""
        return ImagePreview(b64encode(self.load()).decode())

    def _checked(self, picture: bytes) -> bytes:
        if not picture.startswith(PNG_SIGNATURE):
            raise DataError(
                f"{self.where}: not a PNG picture: it starts with {picture[:8]!r}"
            )
        return picture


def encoded(value: Any, where: str, indent: int | None = None) -> str:
    """`value` as JSON with sorted keys.

    Args:
        value: plain JSON; numbers have to be finite.
        where: the file, as errors call it.
        indent: spaces per level; None: all in one line.

    Raises:
        DataError: names what JSON cannot hold and its place in `value`.
    """
    try:
        for place in _not_numbers(value, ""):
            raise DataError(
                f"{where}: {place or 'the value'} is not a finite number; write null"
                " where there is none"
            )
        return json.dumps(value, sort_keys=True, indent=indent, allow_nan=False)
    except DataError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{where}: not plain JSON: {error}") from error


def _not_numbers(value: Any, place: str) -> Iterator[str]:
    """Places such as `returns.2` of the NaNs and infinities inside `value`."""
    if isinstance(value, float) and not math.isfinite(value):
        yield place
    elif isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _not_numbers(item, f"{place}.{key}".lstrip("."))
