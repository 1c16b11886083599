"""What of the processor goes into fingerprints, and where it is remembered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oer_pipeline.networks import products
from oer_pipeline.orchestration import fingerprints, processor
from oer_pipeline.orchestration.fingerprints import recipe
from oer_pipeline.orchestration.processor import float32_products
from oer_pipeline.pipelines.dynamics.nodes import fit_dynamics
from oer_pipeline.pipelines.ingestion.nodes import ingest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of its own, and nothing remembered in the process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    float32_products.cache_clear()
    yield tmp_path / "oer_pipeline"
    float32_products.cache_clear()


def test_fingerprints_of_what_is_computed_name_the_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prints: dict[str, list[str]] = {}
    for path in ("onednn", "torch"):
        monkeypatch.setattr(fingerprints, "float32_products", lambda path=path: path)
        made = [recipe(function, {}, {}) for function in (fit_dynamics, ingest)]
        prints[path] = [one.fingerprint for one in made]
    assert prints["onednn"][0] != prints["torch"][0]
    assert prints["onednn"][1] == prints["torch"][1]  # ingestion multiplies nothing


def test_the_answer_is_torchs_and_is_remembered(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert float32_products() == products.library_in_use()
    [file] = cache.iterdir()
    float32_products.cache_clear()
    monkeypatch.setattr(products, "library_in_use", lambda: pytest.fail("asked again"))
    assert float32_products() == file.read_text().strip('"\n')


def test_what_is_remembered_spares_torch(cache: Path) -> None:
    float32_products()
    program = (
        "import sys; from oer_pipeline.orchestration.processor import float32_products"
        " as f; f(); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_another_processor_or_torch_is_asked_anew(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "CPUINFO", cpuinfo)
    for flags in ("flags: avx2", "flags: avx2 amx_bf16"):
        cpuinfo.write_text(f"model name: made up\ncpu MHz: 1\n{flags}\n")
        float32_products.cache_clear()
        float32_products()
    cpuinfo.write_text(
        f"model name: made up\ncpu MHz: 2\n{flags}\n"
    )  # the clock is no feature
    float32_products.cache_clear()
    float32_products()
    assert len(list(cache.iterdir())) == 2
    monkeypatch.setattr(processor, "version", lambda _: "9.9")
    float32_products.cache_clear()
    float32_products()
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize("damage", ["", '"tor', '"mkl"', "[]"])
def test_a_damaged_file_is_written_again(cache: Path, damage: str) -> None:
    known = float32_products()
    [file] = cache.iterdir()
    file.write_text(damage)
    float32_products.cache_clear()
    assert float32_products() == known
    assert file.read_text() == f'"{known}"\n'


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert float32_products() == products.library_in_use()
