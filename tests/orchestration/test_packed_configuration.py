"""Configuration as `kedro package` packs it is read as its folder is."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.orchestration import packed_configuration
from oer_pipeline.orchestration.config_loader import CheckedConfigLoader
from oer_pipeline.orchestration.configuration import read
from oer_pipeline.orchestration.packed_configuration import unpacked
from oer_pipeline.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[2]


def plan_of(source: str) -> object:
    loader = CheckedConfigLoader(source, env="test", **CONFIG_LOADER_ARGS)
    return read(loader).plan({}).parameters


@pytest.mark.parametrize("form", ["gztar", "tar", "zip"])
def test_packed_configuration_gives_the_same_plan(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    archive = shutil.make_archive(str(tmp_path / "conf"), form, ROOT, "conf")
    assert plan_of(archive) == plan_of(str(ROOT / "conf"))
    loader = CheckedConfigLoader(archive, env="test", **CONFIG_LOADER_ARGS)
    assert loader.project == tmp_path  # where its plug-ins lie


def test_a_folder_is_taken_as_it_is() -> None:
    assert unpacked("conf") == "conf"


def test_what_is_no_such_archive_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "conf.yml"
    other.write_text("a: 1")
    with pytest.raises(ConfigurationError, match=r"conf\.yml: it takes a folder or"):
        unpacked(str(other))
    for name in ("a.tar.gz", "a.zip"):
        (tmp_path / name).write_bytes(b"no archive")
        with pytest.raises(ConfigurationError, match=f"{name} cannot be unpacked"):
            unpacked(str(tmp_path / name))
    with tarfile.open(tmp_path / "b.tar", "w"):
        pass
    with pytest.raises(ConfigurationError, match=r"b\.tar holds 0 folders"):
        unpacked(str(tmp_path / "b.tar"))
    monkeypatch.setattr(packed_configuration, "MOST_BYTES", 1_000)
    shutil.make_archive(str(tmp_path / "c"), "zip", ROOT, "conf")
    with pytest.raises(ConfigurationError, match=r"c\.zip holds over 1000 bytes"):
        unpacked(str(tmp_path / "c.zip"))


def test_an_archive_writes_nothing_outside(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as packed:
        member = tarfile.TarInfo("../escaped")
        member.size = 1
        packed.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(ConfigurationError, match=r"a\.tar cannot be unpacked: .*out"):
        unpacked(str(archive))
