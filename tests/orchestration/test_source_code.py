"""What of a user's code makes results stale, and what does not."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oer_pipeline.common import plugins
from oer_pipeline.orchestration import module_files, source_code
from oer_pipeline.orchestration.code_paths import dotted_paths
from oer_pipeline.orchestration.source_code import code_hash, modules_used
from oer_pipeline.pipelines.continual.nodes import select as node

FILES = {
    "mine/__init__.py": "from mine.start import VALUE\n",
    "mine/start.py": "VALUE = 1\n",
    "mine/chooser.py": (
        '"""A class."""\n'
        "import math, numpy, beside\n"
        "from mine.far.helper import two\n"
        "from . import near\n"
        "from .far import deep as renamed\n"
        "class Chooser:\n"
        "    def late(self):\n"
        "        import mine.lazy\n"
        "        return 'mine.named:Thing', 'weights.json'\n"
    ),
    "mine/near.py": "from oer_pipeline.selection.order import content_order\n",
    "mine/lazy.py": "X = 1\n",
    "mine/named.py": "class Thing: pass\n",
    "mine/unused.py": "X = 1\n",
    "mine/weights.json": "[1]\n",
    "mine/other.json": "[1]\n",
    "mine/far/__init__.py": "",
    "mine/far/helper.py": "from ..far.deep import three\ntwo = 2\n",
    "mine/far/deep.py": "three = 3  # a number\n",
    "beside.py": "import beside_too\n",
    "beside_too.py": "X = 1\n",
    "stranger.py": "X = 1\n",
}
CLASS = ("mine.chooser:Chooser",)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of plug-ins on the import path; nothing in it is ever imported."""
    for name, text in FILES.items():
        file = tmp_path / "plugins" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "plugins"))
    source_code.forget()
    yield tmp_path / "plugins"
    source_code.forget()


def fresh_hash() -> str:
    source_code.forget()
    return code_hash(node, CLASS)


COUNTED = [
    "mine/chooser.py",
    "mine/__init__.py",
    "mine/start.py",
    "mine/near.py",
    "mine/lazy.py",
    "mine/named.py",
    "mine/far/__init__.py",
    "mine/far/helper.py",
    "mine/far/deep.py",
    "beside.py",
    "beside_too.py",
]


@pytest.mark.parametrize("name", COUNTED)
def test_an_edit_of_what_a_class_imports_counts(folder: Path, name: str) -> None:
    before = fresh_hash()
    file = folder / name
    file.write_text(file.read_text() + "\nADDED = 1\n")
    assert fresh_hash() != before


def test_a_file_that_the_code_names_counts(folder: Path) -> None:
    before = fresh_hash()
    (folder / "mine/weights.json").write_text("[2]\n")
    assert fresh_hash() != before


def test_the_templates_of_pages_count() -> None:
    from oer_pipeline.pipelines.reporting.nodes import draw
    from oer_pipeline.reports import rendering

    assert rendering.__name__ in modules_used(draw)
    files = source_code._files_named(rendering.__name__)
    assert [f"templates/{file.name}" for file in files] == list(rendering.TEMPLATES)


def test_a_training_hangs_on_its_own_base_learner_alone() -> None:
    from oer_pipeline.pipelines.continual.nodes import train_first

    bases = "oer_pipeline.learners.bases"
    used = modules_used(train_first, (f"{bases}.iql:IQL",))
    assert f"{bases}.iql" in used
    assert not used & {f"{bases}.bc", f"{bases}.td3bc", f"{bases}.rebrac"}


@pytest.mark.parametrize("name", ["mine/unused.py", "stranger.py", "mine/other.json"])
def test_what_is_not_used_does_not_count(folder: Path, name: str) -> None:
    before = fresh_hash()
    (folder / name).write_text("X = 2\n")
    assert fresh_hash() == before


def test_comments_and_docstrings_do_not_count(folder: Path) -> None:
    before = fresh_hash()
    (folder / "mine/far/deep.py").write_text(
        '"""Three."""\nthree = 3  # another comment\n'
    )
    assert fresh_hash() == before


def test_words_under_a_constant_do_not_count(folder: Path) -> None:
    before = fresh_hash()
    (folder / "mine/far/deep.py").write_text(
        'three = 3\n"""What it is."""\n"""And why."""\n'
    )
    assert fresh_hash() == before


def test_the_closure_is_found_without_importing_anything(folder: Path) -> None:
    found = {
        name
        for name in modules_used(node, CLASS)
        if not name.startswith("oer_pipeline")
    }
    expected = {
        name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for name in COUNTED
    }
    assert found == expected
    assert "oer_pipeline.selection.order" in modules_used(node, CLASS)
    assert not [
        name
        for name in sys.modules
        if name.partition(".")[0] in ("mine", "beside", "beside_too")
    ]


def test_of_an_installed_package_only_the_package_itself_counts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages"
    folder.rename(installed)
    monkeypatch.syspath_prepend(str(installed))
    source_code.forget()
    tops = {name.partition(".")[0] for name in modules_used(node, CLASS)}
    assert tops == {"oer_pipeline", "mine"}


def test_without_classes_of_others_nothing_else_counts(folder: Path) -> None:
    assert {name.partition(".")[0] for name in modules_used(node)} == {"oer_pipeline"}


def test_the_module_that_registers_an_environment_is_code_too(folder: Path) -> None:
    task = {"id": "mine:Reach-v0", "kwargs": {"goal": [1.0]}}
    parameters = {"params:sequence.task_1": {"parameters": task}}
    assert dotted_paths(parameters) == {"mine:Reach-v0"}
    assert not dotted_paths({"id": "Hopper-v5", "path": "a/b:c-d", "note": "x: y"})
    found = modules_used(node, ("mine:Reach-v0",))
    assert {"mine", "mine.start"} <= found
    assert "mine.unused" not in found


def test_another_project_in_the_same_process_has_its_own_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oer_pipeline.common.loading import load_class

    monkeypatch.setattr(plugins, "_in_use", None)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def made(name: str, value: int) -> Callable[[], int]:
        project = tmp_path / name
        (project / "plugins").mkdir(parents=True)
        (project / "plugins" / "same_name.py").write_text(
            f"class Thing:\n    value = {value}\n"
        )

        def load() -> int:
            if plugins.use(project):
                source_code.forget()
            found: int = load_class("same_name:Thing", object).value  # type: ignore[attr-defined]
            return found

        return load

    one, two = made("one", 1), made("two", 2)
    prints = []
    for load, value in ((one, 1), (two, 2), (one, 1)):
        assert load() == value
        prints.append(code_hash(node, ("same_name:Thing",)))
    assert prints[0] == prints[2] != prints[1]
    assert len([place for place in sys.path if place.startswith(str(tmp_path))]) == 1
    plugins.use(tmp_path / "nowhere")
    assert "same_name" not in sys.modules


def test_code_that_runs_already_keeps_the_hash_of_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grid's jobs are forked from a process that imported it before an edit."""
    module = "oer_pipeline.selection.uniform"
    edited = tmp_path / "uniform.py"
    edited.write_text("EDITED = 1\n")
    before = module_files.tree_of(module)
    monkeypatch.setattr(module_files, "_KEPT", {})
    module_files.keep(module)
    monkeypatch.setattr(module_files, "_roots", lambda top: [tmp_path])
    (tmp_path / "selection").mkdir()
    edited.rename(tmp_path / "selection" / "uniform.py")
    try:
        source_code.forget()
        assert ast.dump(module_files.tree_of(module)) == ast.dump(before)
        monkeypatch.setattr(module_files, "_KEPT", {})
        source_code.forget()
        assert ast.dump(module_files.tree_of(module)) != ast.dump(before)
    finally:
        monkeypatch.undo()
        source_code.forget()
