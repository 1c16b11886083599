"""Names that become folders are no paths, and not the project's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.orchestration.config_loader import CheckedConfigLoader
from oer_pipeline.orchestration.configuration import check_environment, read
from oer_pipeline.orchestration.names import check_names
from oer_pipeline.settings import CONFIG_LOADER_ARGS

PATHS = [
    "../../../../escape",
    "/tmp/escape",
    "..",
    ".",
    ".hidden",
    "a/b",
    "a\\b",
    "a b",
    "a\n",
    "a\x00",
    "",
    "a+b",
    "a=b",
    "a" * 61,
    "oer-0123456789",
    1,
    None,
]
FILES = {"suite": "suites.yml", "method": "methods.yml"}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("what", ["suite", "method", "learner", "base", "selector"])
def test_no_name_is_a_path(what: str, name: object) -> None:
    with pytest.raises(ConfigurationError, match=f"^{what} ") as error:
        check_names(what, [name])
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["ant_dir", "Ant-Dir2", "é", "_x", "a" * 60, "2d"])
def test_what_is_a_name(name: str) -> None:
    check_names("suite", [name])


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("method", "dynamics"),
        ("method", "comparison"),
        ("method", "comparison-tasks"),
        ("method", "data"),
        ("method", "Data"),
        ("learner", "dynamics"),
        ("suite", "behaviours"),
        ("environment", "01_raw"),
        ("environment", "running"),
        ("environment", "checkpoints"),
    ],
)
def test_a_name_that_another_artefact_owns(what: str, name: str) -> None:
    with pytest.raises(ConfigurationError, match="a folder of the project's own"):
        check_names(what, [name])


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize(
    "name", ["../../../../escape", "/escape", "behaviours", "data"]
)
def test_names_are_refused_when_configuration_is_read(
    what: str, name: str, project: Any
) -> None:
    """A suite of such a name once wrote its data outside of the project."""
    if (what, name) in (("suite", "data"), ("method", "behaviours")):
        name = "a/b"
    path = project.path / "conf" / "base" / FILES[what]
    told = yaml.safe_load(path.read_text())
    told[name] = next(iter(told.values()))
    path.write_text(yaml.safe_dump(told))
    loader = CheckedConfigLoader(
        str(project.path / "conf"), env="test", **CONFIG_LOADER_ARGS
    )
    with pytest.raises(ConfigurationError, match=f"^{what} '{name}': "):
        read(loader)


def test_an_environment_keeps_its_data_below_its_own_name(tmp_path: Path) -> None:
    for name in ("base", "mine", "03_primary"):
        (tmp_path / name).mkdir()
    check_environment(tmp_path, "mine")
    for name in ("03_primary", "..", "../mine", "/tmp"):
        with pytest.raises(ConfigurationError, match=r"^environment "):
            check_environment(tmp_path, name)
