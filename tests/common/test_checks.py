"""Bounds: every number that a run is told is refused beyond them, in one line, before
any work."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import yaml

from oer_pipeline.common import checks as bounds
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.loading import load_class
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.orchestration.classes import check_options

BASE = yaml.safe_load(
    (Path(__file__).parents[2] / "conf/base/parameters.yml").read_text()
)
NAN, INF = float("nan"), float("inf")

LEARNER = {
    "updates": (1, 10**9, [0, -1, 10**9 + 1, 10**400]),
    "batch_size": (1, 2**20, [0, 2**20 + 1]),
    "policy_delay": (1, 1_000, [0, 1_001]),
    "learning_rate": (1e-9, 1.0, [0.0, 1.1]),
    "discount": (0.0, 0.999, [1.0, 2, -0.1]),
    "polyak": (1e-9, 1.0, [0.0, 1.1]),
    "target_noise": (0.0, 100.0, [-0.1, 101.0]),
    "target_noise_clip": (0.0, 100.0, [-0.1, 101.0]),
    "alpha": (0.0, 1e12, [-0.1, 1e13]),
}
DYNAMICS = {
    "members": (1, 100, [0, 101]),
    "elites": (1, 5, [0, 6]),
    "learning_rate": (1e-9, 1.0, [0.0, 1.1]),
    "weight_decay": (0.0, 1e12, [-1.0]),
    "batch_size": (1, 2**18, [0, 2**20 + 1]),
    "holdout": (0.01, 0.99, [0.0, 1.0]),
    "patience": (1, 10**6, [0, 10**7]),
    "min_improvement": (0.0, 1e12, [-1.0]),
    "max_epochs": (1, 10**6, [0, 10**7]),
    "log_sigma_penalty": (0.0, 1e12, [-1.0]),
}
CASES = [
    (LearnerSettings, "learner", LEARNER),
    (DynamicsSettings, "dynamics", DYNAMICS),
]
NO_NUMBERS = ["1", True, None, NAN, INF, [1], 1j]


@pytest.mark.parametrize(("kind", "group", "ranges"), CASES)
def test_every_number_of_the_settings_has_bounds(
    kind: Any,
    group: str,
    ranges: dict[str, Any],
) -> None:
    numbers = {
        field.name for field in fields(kind) if not isinstance(field.default, str)
    }
    assert numbers == {*ranges, "hidden"}  # a new one belongs here
    for name, (low, high, wrong) in ranges.items():
        small = {"hidden": (8,)}
        assert getattr(kind(**small, **{name: low}), name) == low
        assert getattr(kind(**small, **{name: high}), name) == high
        for value in [*wrong, *NO_NUMBERS]:
            if name == "elites" and value is None:
                continue
            with pytest.raises(ConfigurationError) as caught:
                kind(**{name: value})
            assert f"{group}.{name}" in str(caught.value)
            assert "it has to be" in str(caught.value)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [LearnerSettings, DynamicsSettings])
@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        ([], "0 layers; it has to have 1 to 16"),
        ([8] * 17, "17 layers; it has to have 1 to 16"),
        ([0], "a width is 0; it has to be at least 1 and at most 8192"),
        (
            [100_000_000],
            "a width is 100000000; it has to be at least 1 and at most 8192",
        ),
        ([256, 25.5], "a width is 25.5; it has to be a whole number"),
        ([True], "a width is True; it has to be a whole number"),
        ("256", "hidden is '256'; it takes a list of widths"),
        (256, "hidden is 256; it takes a list of widths"),
        (None, "hidden is None; it takes a list of widths"),
        ([8192] * 16, r"GiB of weights in \d network\(s\); it may have 0.5 GiB"),
    ],
)
def test_hidden_layers_fit_a_machine(kind: Any, hidden: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        kind(hidden=hidden)


def test_an_ensembles_weights_fit_a_machine() -> None:
    assert LearnerSettings(hidden=(8192, 8192)).hidden == (8192, 8192)
    with pytest.raises(
        ConfigurationError,
        match=r"dynamics.hidden is .*25.0 GiB of weights in 100 network",
    ):
        DynamicsSettings(hidden=(8192, 8192), members=100)


def test_a_batch_fits_a_machine() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"learner: batch_size 1048576 of hidden \[8192\] takes 32.0 GiB",
    ):
        LearnerSettings(batch_size=2**20, hidden=(8192,))
    with pytest.raises(
        ConfigurationError,
        match=r"dynamics: .* takes 100.0 GiB of hidden units; it may take 8.0 GiB",
    ):
        DynamicsSettings(batch_size=2**20, hidden=(256,), members=100)
    assert LearnerSettings(batch_size=2**20, hidden=(256, 256)).hidden == (256, 256)


@pytest.mark.parametrize("name", BASE["learners"])
def test_every_number_among_a_learners_options_has_bounds(name: str) -> None:
    kind = load_class(BASE["learners"][name]["class"], Learner)
    for option, parameter in signature(kind).parameters.items():
        if isinstance(parameter.default, str):
            continue
        for value in [*NO_NUMBERS, -1.0, 1e13]:
            if value is None and parameter.default is None:
                continue  # it has a meaning
            with pytest.raises(ConfigurationError, match=f"{name}: {option} is "):
                kind(**{option: value})


def test_numbers_of_other_libraries_are_numbers() -> None:
    import numpy as np

    bounds.whole("n", np.int64(3), 1, 5)
    bounds.between("x", np.float32(0.5), 0.0, 1.0)
    with pytest.raises(ConfigurationError, match="n is "):
        bounds.whole("n", np.bool_(True), 0, 5)


def test_options_of_files_are_refused_by_making_what_they_belong_to() -> None:
    right = {"class": "oer_pipeline.learners.ewc:EWC", "options": {"penalty": 1.0}}
    wrong = {"class": "oer_pipeline.selection.mbes:MBES", "options": {"walkers": 0}}
    check_options({"params:chosen.learner": right, "params:seeds": [0]})
    with pytest.raises(ConfigurationError, match="mbes: walkers is 0"):
        check_options(
            {
                "params:chosen.learner": right,
                "params:judging_selectors": {"mine": wrong},
            }
        )
