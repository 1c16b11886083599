"""Paths into the package itself are held against its source, without importing it."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any

import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.loading import load_class
from oer_pipeline.orchestration import classes
from oer_pipeline.orchestration.classes import check_own, class_says, is_own
from oer_pipeline.orchestration.module_files import PACKAGE, source_tree
from tests.conftest import ROOT

MISTAKES = {
    (
        "selectors",
        "oer_pipeline.selection.mbess:MBES",
    ): "there is no module oer_pipeline.selection.mbess",
    (
        "selectors",
        "oer_pipeline.selection.mbes:MBESS",
    ): "oer_pipeline.selection.mbes has no MBESS; did you mean MBES",
    (
        "selectors",
        "oer_pipeline.learners.er:ExperienceReplay",
    ): "is none of the selectors; they lie in oer_pipeline",
    ("learners", "oer_pipeline.learners.bases.iql:IQL"): "is none of the learners",
    (
        "bases",
        "oer_pipeline.learners.ewc:EWC",
    ): "is none of the bases; they lie in oer_pipeline.learners.bases",
    ("learners", "oer_pipeline.common.errors:DataError"): "is none of the learners",
}


@pytest.mark.parametrize(("group", "path"), MISTAKES)
def test_a_wrong_path_is_one_line_with_what_would_be_right(
    group: str, path: str
) -> None:
    with pytest.raises(ConfigurationError, match=MISTAKES[group, path]) as caught:
        check_own("entry", group, path)
    assert f"entry: class {path!r}" in str(caught.value)


def test_a_right_path_costs_no_import_of_what_it_names() -> None:
    code = (
        "import sys\n"
        "from oer_pipeline.orchestration.classes import check_own\n"
        "check_own('x', 'selectors', 'oer_pipeline.selection.mbes:MBES')\n"
        "check_own('x', 'bases', 'oer_pipeline.learners.bases.iql:IQL')\n"
        "check_own('x', 'learners', 'oer_pipeline.learners.ewc:EWC')\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


SAYING = """
from oer_pipeline.learners.protocol import Learner
class Bare(Learner):
    replays = True
class Annotated(Learner):
    replays: bool = True
class Both(Learner):
    replays = together = True
class Inherited(Annotated):
    pass
class Again(Inherited):
    replays: bool = False
class Neither(Learner):
    together = True
class Typed(Bare):
    replays: bool
"""


@pytest.mark.parametrize(
    ("name", "replays"),
    [
        ("Bare", True),
        ("Annotated", True),
        ("Both", True),
        ("Inherited", True),
        ("Again", False),
        ("Neither", False),
        ("Typed", True),
    ],
)
def test_a_class_says_what_it_does_in_any_form(
    name: str, replays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a type, as in the class of all learners, it once counted as not said."""
    module = f"{PACKAGE}.learners.of_a_test"

    def read(wanted: str) -> Any:
        return ast.parse(SAYING) if wanted == module else source_tree(wanted)

    monkeypatch.setattr(classes, "source_tree", read)
    assert class_says(f"{module}:{name}", "replays") == replays


def test_every_learner_says_what_its_class_has() -> None:
    entries = yaml.safe_load((ROOT / "conf/base/parameters.yml").read_text())
    for entry in entries["learners"].values():
        learner: Any = load_class(entry["class"], object)
        for flag in ("replays", "together"):
            assert class_says(entry["class"], flag) == getattr(learner, flag)


def test_whose_a_path_is() -> None:
    assert is_own("oer_pipeline.selection.mbes:MBES")
    assert not is_own("oer_pipeline_extras:MBES")
    with pytest.raises(
        ConfigurationError, match="class 3 cannot be loaded: it is no dotted path"
    ):
        is_own(3)
