"""`kedro package` gives a wheel that runs where there is no project, with the packaged
configuration and a plug-in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


THEIRS = """
import numpy as np

from oer_pipeline.selection.protocol import Selection, Selector


class First(Selector):
    def select(self, request):
        return Selection.unwalked(np.arange(request.size))
"""


def test_the_wheel_runs_elsewhere(tmp_path: Path) -> None:
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    subprocess.run(
        [sys.executable, "-m", "kedro", "package"],
        cwd=source,
        check=True,
        capture_output=True,
    )
    [wheel] = (source / "dist").glob("*.whl")
    target, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    uv = [
        str(Path(sys.executable).parent / "uv"),
        "pip",
        "install",
        "--quiet",
        "--no-deps",
    ]
    subprocess.run([*uv, "--target", str(target), str(wheel)], check=True)
    elsewhere.mkdir()
    with tarfile.open(source / "dist" / "conf-oer_pipeline.tar.gz") as archive:
        archive.extractall(elsewhere, filter="data")
    (elsewhere / "plugins").mkdir()
    (elsewhere / "plugins/theirs.py").write_text(THEIRS)
    (elsewhere / "conf/base/parameters_theirs.yml").write_text(
        "selectors: { first: { class: 'theirs:First' } }\n"
    )
    packed = "conf-oer_pipeline.tar.gz"
    shutil.copy(source / "dist" / packed, elsewhere)
    for conf, run, cell in (
        (packed, "--params=method=er_bc", "er_bc"),
        ("conf", "", "oer"),
        (
            "conf",
            "--params=method=er_random,selector=first",
            "er_random-selector=first",
        ),
    ):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "oer_pipeline",
                "--env=test",
                f"--conf-source={conf}",
                *filter(None, [run]),
            ],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(target)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert (
            elsewhere
            / f"data/test/08_reporting/cheetah_vel_signed/medium/{cell}/metrics.json"
        ).is_file()
