"""What Kedro-Viz shows of a dataset: a method `preview`, and in which form by the name
of the type that it says it returns (kedro-datasets has types of these names, for
itself)."""

from __future__ import annotations

from typing import Any, NewType

ImagePreview = NewType("ImagePreview", str)
"""A picture in base64."""
TablePreview = NewType("TablePreview", dict[str, Any])
"""`columns`, `index` and `data`, a list per row."""
JSONPreview = NewType("JSONPreview", str)
"""A document as JSON."""
HTMLPreview = NewType("HTMLPreview", str)
"""A piece of HTML."""
