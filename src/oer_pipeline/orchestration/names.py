"""Names that a user chooses and that become folders: they are no paths, and no name
that the project gives to a folder of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.orchestration.folders import HASHED, LONGEST_NAME

NAME = re.compile(r"\w[\w-]*")
TAKEN = {
    "suite": ("behaviours",),
    "method": ("comparison", "data", "dynamics"),
    "learner": ("comparison", "data", "dynamics"),
    "environment": (
        "01_raw",
        "03_primary",
        "06_models",
        "07_model_output",
        "08_reporting",
        "checkpoints",
        "running",
    ),
}
"""Folders of the project's own, where those of such a name would lie."""


def check_names(what: str, names: Iterable[object]) -> None:
    """Refuse names that cannot be a folder's.

    Args:
        what: is named so, such as `suite`.
        names: of the configuration.

    Raises:
        ConfigurationError: names the first of them that is wrong.
    """
    for name in names:
        _check(what, name)


def _check(what: str, name: object) -> None:
    if (
        not isinstance(name, str)
        or not NAME.fullmatch(name)
        or len(name) > LONGEST_NAME
    ):
        raise ConfigurationError(
            f"{what} {_shown(name)}: no name for a folder; it takes letters, digits, _"
            f" and -, at most {LONGEST_NAME} characters"
        )
    folded = name.casefold()
    for taken in TAKEN.get(what, ()):
        if folded == taken or folded.startswith(f"{taken}-"):
            raise ConfigurationError(
                f"{what} {name!r}: {taken} is a folder of the project's own; choose"
                " another name"
            )
    if HASHED.search(name):
        raise ConfigurationError(
            f"{what} {name!r}: it ends as the folders of changed parameters do; choose"
            " another name"
        )


def _shown(name: object) -> str:
    text = repr(name)
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."
