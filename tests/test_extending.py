"""docs/extending.md: every package on the page is written as it stands there, tested
and run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from oer_pipeline.studies.child import kedro_run
from tests.killing import Work

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
SECTIONS = (
    "A selector",
    "A learner",
    "A base learner",
    "A suite",
    "Data of your own",
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def blocks(section: str) -> list[tuple[str, str]]:
    """Language and content of a section's code blocks."""
    text = PAGE.read_text(encoding="utf-8")
    [body] = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return BLOCK.findall(body)


def commands(section: str) -> list[str]:
    return [
        line
        for language, content in blocks(section)
        if language == "sh"
        for line in content.splitlines()
    ]


def write_package(project: Any, section: str) -> list[str]:
    """Write a section's files into the project; their paths stand in their first
    lines."""
    written = []
    for language, content in blocks(section):
        if language == "sh":
            continue
        path = content.splitlines()[0].removeprefix("# ")
        assert path.startswith(("plugins/", "conf/base/")), path
        file = project.path / path
        assert not file.exists()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        written.append(path)
    return written


def shell(project: Any, line: str) -> str:
    """What a command line of the page prints, run with this environment's programs."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        line,
        shell=True,
        cwd=project.path,
        env={**os.environ, "PATH": programs},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def in_a_child(project: Any, line: str) -> None:
    """`kedro run ...` of the page, in a process that is forked from this one, which has
    imported what takes seconds."""

    def run(folder: Path) -> None:
        os.chdir(folder)
        with pytest.raises(SystemExit) as ended:
            kedro_run(*shlex.split(line)[2:])
        assert ended.value.code in (None, 0)

    Work(run).finish(project.path)


def test_the_packages_of_the_page_pass_their_tests(project: Any) -> None:
    folders = []
    tests = 0
    for section in SECTIONS:
        for path in write_package(project, section):
            if "/test_" in path:
                text = (project.path / path).read_text(encoding="utf-8")
                tests += len(re.findall(r"^def test_", text, re.M))
        *command, folder = commands(section)[0].split()
        assert command == ["python", "-m", "pytest", "-q"]
        folders.append(folder)
    assert tests >= len(SECTIONS)
    said = shell(project, f"python -m pytest -q {' '.join(folders)}")
    assert f"{tests} passed" in said


@pytest.mark.parametrize("section", SECTIONS)
def test_a_package_of_the_page_runs(resumed: Any, section: str) -> None:
    project = resumed  # with data, so that none is collected
    written = write_package(project, section)
    assert any("/test_" in path for path in written)
    assert any(path.startswith("conf/base/") for path in written)
    _, *others, run = commands(section)
    assert run.startswith("kedro run ")
    for line in others:
        shell(project, line)
    if section != "A selector":
        in_a_child(project, run)
        return
    assert "Pipeline execution completed" in shell(project, run)
    _a_helpers_edit_makes_its_results_stale(project)


def _a_helpers_edit_makes_its_results_stale(project: Any) -> None:
    """After the run in a process of its own, this one sees the edited code alone."""
    helper = project.path / "plugins/far_apart/distances.py"
    before = helper.read_text()
    helper.write_text(before.replace("np.square(", "np.abs("))
    assert helper.read_text() != before
    ran = project.run("continual", method="er", selector="far_apart", tasks=2)
    assert {"task_1.select", "task_2.train"} <= set(ran)
    assert "task_1.train" not in ran
