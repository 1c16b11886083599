"""One hash of facts of any kind: what a file or a checkpoint was made of.

Runner and training share it. Everything counts: lists, null and nested values, arrays
by their content, objects by their class and attributes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np


def digest(facts: Any) -> str:
    """SHA-256 of `facts`; equal facts have equal digests in every process."""
    return hashlib.sha256(_text(_plain(facts, ())).encode()).hexdigest()


def _text(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True)


def _plain(value: Any, around: tuple[int, ...]) -> Any:
    """`value` as JSON can hold it.

    Args:
        value: anything.
        around: identities of the objects that it lies in, which end a circle.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if id(value) in around:
        return {"the one around it": around.index(id(value))}
    inner = (*around, id(value))
    if isinstance(value, Mapping):
        return _plain_mapping(value, inner)
    if isinstance(value, list | tuple):
        return [_plain(item, inner) for item in value]
    if isinstance(value, AbstractSet):
        return {"set": sorted(_text(_plain(item, inner)) for item in value)}
    if isinstance(value, PurePath):
        return {"path": value.as_posix()}
    array = _array(value)
    if array is not None:
        return _plain_array(array)
    if callable(value) and hasattr(value, "__qualname__"):
        return {"code": f"{value.__module__}:{value.__qualname__}"}
    return _plain_object(value, inner)


def _plain_mapping(value: Mapping[Any, Any], around: tuple[int, ...]) -> Any:
    if all(isinstance(key, str) for key in value):
        return {key: _plain(item, around) for key, item in value.items()}
    pairs = [[_plain(k, around), _plain(item, around)] for k, item in value.items()]
    return {"pairs": sorted(pairs, key=_text)}


def _array(value: Any) -> Any:
    """A NumPy array of an array, a number of NumPy's or a tensor; None otherwise."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    return None


def _plain_array(array: Any) -> dict[str, Any]:
    return {
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "content": hashlib.sha256(array.tobytes()).hexdigest(),
    }


def _plain_object(value: Any, around: tuple[int, ...]) -> dict[str, Any]:
    """The class and the attributes."""
    if is_dataclass(value):
        attributes = {field.name: getattr(value, field.name) for field in fields(value)}
    else:
        attributes = getattr(value, "__dict__", {})
    name = f"{type(value).__module__}:{type(value).__qualname__}"
    return {"class": name, "attributes": _plain(attributes, around)}
