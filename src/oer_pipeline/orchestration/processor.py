"""What of this machine's processor goes into every fingerprint: which library computes
float32 products on it.

Finding out takes torch, which takes a second to import and which a run that keeps
everything does not need. The answer is remembered in the user's cache folder, per
processor and version of torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

from oer_pipeline.common.atomic import write_atomic

CPUINFO = Path("/proc/cpuinfo")
CHECK = Path(__file__).parents[1] / "networks" / "products.py"


@cache
def float32_products() -> str:
    """`networks.products.library_in_use()` on this machine."""
    file = _cache_folder() / f"float32_products_{_identity()}.json"
    known = _read(file)
    if known is None:
        from oer_pipeline.networks.products import library_in_use

        known = library_in_use()
        _write(file, known)
    return known


def processor_kind() -> str:
    """The processor's name and a hash of its features: on two of the same kind, the
    same code gives the same bytes."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo_lines("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    features = [platform.machine(), *_cpuinfo_lines("flags", "Features")]
    return f"{name}, features {_hash(features)[:8]}"


def _cache_folder() -> Path:
    return (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        / "oer_pipeline"
    )


def _identity() -> str:
    """A hash of what the answer depends on: the processor's features, torch and the
    check."""
    facts = [
        platform.machine(),
        platform.processor(),
        version("torch"),
        CHECK.read_text(),
    ]
    facts += _cpuinfo_lines("model name", "flags", "Features")
    return _hash(facts)[:16]


def _cpuinfo_lines(*beginnings: str) -> list[str]:
    """The different lines of the system's description that begin so."""
    if not CPUINFO.is_file():
        return []
    lines = CPUINFO.read_text().splitlines()
    return sorted({line for line in lines if line.startswith(beginnings)})


def _hash(facts: list[str]) -> str:
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def _read(file: Path) -> str | None:
    """What the file says; None where there is none, or one that says nothing."""
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return known if known in ("onednn", "torch") else None


def _write(file: Path, known: str) -> None:
    """Remember it, where the folder can be written to."""
    try:
        write_atomic(file, json.dumps(known) + "\n")
    except OSError:
        return
