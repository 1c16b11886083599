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

Told = dict[str, Any]
Around = tuple[int, ...]
PLAIN = (bool, int, float, str, type(None))


def digest(facts: Any) -> str:
    """SHA-256 of `facts`; equal facts have equal digests in every process."""
    text = _text(_plain(facts, ()))
    return _hash(text.encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _text(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True)


def _plain(value: Any, around: Around) -> Any:
    """`value` as JSON can hold it.

    Args:
        value: anything.
        around: identities of the objects that it lies in, which end a circle.
    """
    if isinstance(value, PLAIN):
        return value
    identity = id(value)
    if identity in around:
        return {"the one around it": around.index(identity)}
    inner = (*around, identity)
    if isinstance(value, Mapping):
        return _plain_mapping(value, inner)
    if isinstance(value, list | tuple):
        return [_plain(item, inner) for item in value]
    if isinstance(value, AbstractSet):
        members = [_text(_plain(item, inner)) for item in value]
        return {"set": sorted(members)}
    if isinstance(value, PurePath):
        return {"path": value.as_posix()}
    array = _array(value)
    if array is not None:
        return _plain_array(array, inner)
    if callable(value) and hasattr(value, "__qualname__"):
        return {"code": f"{value.__module__}:{value.__qualname__}"}
    return _plain_object(value, inner)


def _plain_mapping(value: Mapping[Any, Any], around: Around) -> Told:
    named = {}
    pairs = []
    for key, item in value.items():
        inside = _plain(item, around)
        if isinstance(key, str):
            named[key] = inside
        else:
            pairs.append([_plain(key, around), inside])
    if not pairs:
        return named
    return {"named": named, "pairs": sorted(pairs, key=_text)}


def _array(value: Any) -> Any:
    """A NumPy array of an array, a number of NumPy's or a tensor; None otherwise."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    return None


def _plain_array(array: Any, around: Around) -> Told:
    if array.dtype.hasobject:  # its bytes are addresses
        content = _plain(array.tolist(), around)
    else:
        content = _hash(array.tobytes())
    return {
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "content": content,
    }


def _plain_object(value: Any, around: Around) -> Told:
    """The class and the attributes."""
    attributes = dict(getattr(value, "__dict__", {}))
    if is_dataclass(value):
        for field in fields(value):
            attributes[field.name] = getattr(value, field.name)
    kind = type(value)
    return {
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "attributes": _plain(attributes, around),
    }
