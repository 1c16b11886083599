"""JSON as the project writes it: finite numbers, and no deeper than anybody writes."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

from oer_pipeline.common.errors import DataError


def read_json(path: Path) -> Any:
    """What a JSON file says.

    Raises:
        DataError: as `parse_json`; a file that is not there, or not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable JSON file: {error}") from error
    return parse_json(text, str(path))


def parse_json(text: Any, where: str) -> Any:
    """What a JSON text says.

    Args:
        text: of a file, or a part of one.
        where: what errors call it.

    Raises:
        DataError: no JSON, numbers that are not finite, too deep.
    """

    def refuse(token: str) -> NoReturn:
        raise DataError(f"{where}: found {token}; JSON has numbers and null only")

    def number(token: str) -> float:
        value = float(token)
        if not isfinite(value):
            raise DataError(f"{where}: {token[:40]} is no finite number")
        return value

    try:
        return json.loads(text, parse_constant=refuse, parse_float=number)
    except DataError:
        raise
    except (ValueError, TypeError) as error:
        raise DataError(f"{where}: not a readable JSON file: {error}") from error
    except RecursionError as error:
        raise DataError(
            f"{where}: not a readable JSON file: groups inside one another, too deep"
        ) from error
