"""Classes of somebody else's: where they are found, and what is said where they are
not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from oer_pipeline.common import plugins
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.loading import build, load_class

GOOD = """
class Chooser:
    def __init__(self, size: int = 1) -> None:
        self.size = size

class Any:
    def __init__(self, **options):
        self.options = options

class Needy:
    def __init__(self, size):
        self.size = size

class Moody:
    def __init__(self):
        raise ZeroDivisionError("no\\nway")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with `conf` and `plugins`, in use for nobody yet."""
    monkeypatch.setattr(plugins, "_in_use", None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "conf").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "plugins").mkdir()
    files = {
        "good_one": GOOD,
        "needs_more": "import nowhere_to_be_found\n",
        "fails": "x = 1\nraise RuntimeError('not\\ntoday')\n",
        "garbled": "def (:\n",
    }
    for name, text in files.items():
        (tmp_path / "plugins" / f"{name}.py").write_text(text)
    yield tmp_path
    for name in files:
        sys.modules.pop(name, None)


def test_the_folder_beside_the_configuration_is_on_the_path_and_comes_last(
    project: Path,
) -> None:
    plugins.use(project)
    plugins.use(project)
    assert sys.path.count(str(project / "plugins")) == 1
    assert sys.path[-1] == str(project / "plugins")
    assert build("good_one:Chooser", object, {"size": 3}).size == 3  # type: ignore[attr-defined]


def test_a_notebook_finds_the_folder_of_the_project_around_it(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(project / "notebooks")
    assert load_class("good_one:Chooser", object).__name__ == "Chooser"


def test_a_spawned_worker_finds_it_too(project: Path) -> None:
    plugins.use(project)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(load_class, "good_one:Chooser", object).result()
    assert found.__name__ == "Chooser"


def test_a_folder_that_is_made_later_counts_at_the_next_reading(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plugins, "_in_use", None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert not plugins.use(tmp_path)
    assert str(tmp_path / "plugins") not in sys.path
    (tmp_path / "plugins").mkdir()
    assert not plugins.use(tmp_path)
    assert sys.path[-1] == str(tmp_path / "plugins")


MISTAKES = {
    "no_such_one:Thing": (
        r"No module named 'no_such_one'.*put no_such_one\.py, or the package .*, into"
        r" .*plugins"
    ),
    "good_one.part:Thing": "put good_one.py",
    "good_one:Choser": r"good_one\.py has no Choser; did you mean Chooser",
    "good_one:Chooser": (
        "is not a Selector; subclass oer_pipeline.selection.protocol.Selector"
    ),
    "needs_more:Thing": (
        "importing it fails: ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    ),
    "fails:Thing": r"importing it fails: RuntimeError: not today \(fails\.py, line 2\)",
    "garbled:Thing": r"importing it fails: SyntaxError: .*\(garbled\.py, line 1\)",
    "good_one": "is no dotted path; give package.module:Class",
    "good one:Thing": "is no dotted path",
    "good_one:a-b": "is no dotted path",
}


@pytest.mark.parametrize("path", MISTAKES)
def test_a_class_that_cannot_be_loaded_is_one_line_that_says_what_would_be_right(
    project: Path,
    path: str,
) -> None:
    from oer_pipeline.selection.protocol import Selector

    plugins.use(project)
    with pytest.raises(ConfigurationError, match=MISTAKES[path]) as caught:
        load_class(path, Selector)  # type: ignore[type-abstract]
    assert "\n" not in str(caught.value)
    assert repr(path) in str(caught.value)


def test_a_class_that_cannot_be_made_is_one_line(project: Path) -> None:
    plugins.use(project)
    for name, options, words in (
        ("Chooser", {"sise": 1}, "unknown option 'sise'; did you mean size"),
        (
            "Needy",
            {},
            r"good_one:Needy cannot be made with \{\}: TypeError: .*missing 1 required",
        ),
        ("Moody", {}, "ZeroDivisionError: no way"),
    ):
        with pytest.raises(ConfigurationError, match=words) as caught:
            build(f"good_one:{name}", object, options)
        assert "\n" not in str(caught.value)
    made: Any = build("good_one:Any", object, {"whatever": 1})
    assert made.options == {"whatever": 1}


def test_nothing_heavy_is_imported_to_find_the_folder() -> None:
    heavy = "[m for m in ('torch', 'kedro') if m in sys.modules]"
    code = (
        "import sys, oer_pipeline.common.plugins, oer_pipeline.common.loading,"
        f" oer_pipeline.orchestration.classes; print({heavy})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
