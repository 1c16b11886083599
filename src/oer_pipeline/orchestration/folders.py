"""Folder names: they carry every parameter that a run changed, so that no run
overwrites another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oer_pipeline.orchestration.asked import Asked, Parameters, Presets

NOT_IN_NAMES = frozenset(
    {
        "suite",
        "quality",
        "method",
        "seeds",
        "checkpoint_seconds",
        "force",
        "compare",
        "transfer_evaluation",
        "judging",
    }
)
"""Parameters that make no other cell, or are its folder's name themselves."""
DATA_SCOPE = ("collection", "data_seed")
"""What changes the data; the suite's folder says it."""
MODEL_SCOPE = ("dynamics", "accelerator", "precision")
"""What changes the transition models; the quality's folder says it."""
NOT_OF_CELLS = NOT_IN_NAMES.union(DATA_SCOPE, MODEL_SCOPE)
"""What a cell's folder does not say."""
LONGEST_NAME = 60
"""Characters of a name that a user chooses, and of the changes behind it."""
HASHED = re.compile(r"-[0-9a-f]{10}$")
"""How a folder's name ends whose changes are too long to be written out (`name_of`)."""

Changed = dict[str, Any]


@dataclass(frozen=True)
class Folders:
    """Names of the folders that a run's results lie in.

    Attributes:
        suite: of the data.
        quality: of the data set and the transition models, below the suite.
        cell: of the method, below the quality.
        compared: cells that the comparison pipeline puts side by side.
        comparison: of the page that does so, below the quality.
        params: each of these cells -> all that it changes of its method, data and
            models included, as `kedro run --params` takes it: a folder's name may be a
            hash.
    """

    suite: str
    quality: str
    cell: str
    compared: tuple[str, ...]
    comparison: str
    params: Mapping[str, str]


def folders_of(
    asked: Asked,
    quality: str,
    compare: Sequence[str],
    base: Parameters,
    runtime: Parameters,
    methods: Presets,
) -> Folders:
    """The names.

    Args:
        asked: the run's parameters.
        quality: the one in force.
        compare: methods of the comparison.
        base: the files' parameters.
        runtime: the command line's.
        methods: presets by name.
    """
    changed = _out_of(asked.changed, NOT_IN_NAMES)
    of_data = _in_scope(changed, DATA_SCOPE)
    of_models = _in_scope(changed, MODEL_SCOPE)
    params = {_cell_folder(asked): _params_text(asked)}
    others = [Asked.of(method, base, runtime, methods) for method in compare]
    for other in others:
        params[_cell_folder(other)] = _params_text(other)
    return Folders(
        suite=folder_name(asked["suite"], of_data),
        quality=folder_name(quality, of_models),
        cell=_cell_folder(asked),
        compared=tuple(map(_cell_folder, others)),
        comparison=_comparison_folder(others),
        params=params,
    )


def folder_name(stem: str, changed: Mapping[str, Any]) -> str:
    """`stem-name=value-...`; what is long, or no file name, becomes a hash."""
    if not changed:
        return stem
    changes = []
    for name in sorted(changed):
        changes.append(f"{name}={changed[name]}")
    return f"{stem}-{name_of('-'.join(changes))}"


def name_of(text: str) -> str:
    """The text as a part of a file's name: as it is, or hashed where it is long or
    has other letters than a name."""
    is_plain = all(letter.isalnum() or letter in "-=._+" for letter in text)
    if is_plain and len(text) <= LONGEST_NAME:
        return text
    hashed = hashlib.sha256(text.encode(errors="surrogatepass"))
    return hashed.hexdigest()[:10]


def _cell_folder(asked: Asked) -> str:
    """What is changed of the method's preset, but for what the folders above say."""
    return folder_name(asked.method, _changed_of_cell(asked))


def _changed_of_cell(asked: Asked) -> Changed:
    changed = _out_of(asked.changed, NOT_OF_CELLS)
    return _in_force(changed, asked["learner"])


def _params_text(asked: Asked) -> str:
    """All that is changed of the method's preset and in force, `name=value,...`."""
    changed = _in_force(_out_of(asked.changed, NOT_IN_NAMES), asked["learner"])
    return ",".join(f"{name}={as_text(changed[name])}" for name in sorted(changed))


def as_text(value: Any) -> str:
    """A parameter's value as `kedro run --params` reads it."""
    if isinstance(value, list | tuple):
        return "+".join(map(as_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _comparison_folder(compared: Sequence[Asked]) -> str:
    """What is changed of some compared cell's preset, and which they are if that was
    said."""
    changed: Changed = {}
    for asked in compared:
        changed |= _changed_of_cell(asked)
        if "compare" in asked.changed:
            changed["compare"] = asked["compare"]
    return folder_name("comparison", changed)


def _group(name: str) -> str:
    return name.partition(".")[0]


def _in_scope(changed: Parameters, scope: Collection[str]) -> Changed:
    return {k: v for k, v in changed.items() if _group(k) in scope}


def _out_of(changed: Parameters, scope: Collection[str]) -> Changed:
    return {k: v for k, v in changed.items() if _group(k) not in scope}


def _in_force(changed: Parameters, learner: Parameters) -> Changed:
    """Without the options of learners and bases that are not in force."""
    in_force = {"learners": learner["name"], "bases": learner["base"]}
    kept = {}
    for name, value in changed.items():
        group, *rest = name.split(".")
        if group not in in_force or rest[0] == in_force[group]:
            kept[name] = value
    return kept
