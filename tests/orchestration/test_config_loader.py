"""The configuration as a whole, broken in every way: a plan, or one line."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kedro.config import OmegaConfigLoader

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.orchestration.asked import with_learners
from oer_pipeline.orchestration.config_loader import CheckedConfigLoader
from oer_pipeline.orchestration.config_schema import (
    check_methods,
    check_parameters,
    check_suites,
)
from oer_pipeline.orchestration.configuration import Configuration, read
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[2]


def loader_of(conf: Path) -> CheckedConfigLoader:
    return CheckedConfigLoader(str(conf), env="test", **CONFIG_LOADER_ARGS)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    return tmp_path / "conf"


def test_unchanged_files_are_parsed_once_and_changed_ones_again(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []
    original = OmegaConfigLoader.__getitem__

    def counting(loader: OmegaConfigLoader, key: str) -> Any:
        parsed.append(key)
        return original(loader, key)

    monkeypatch.setattr(OmegaConfigLoader, "__getitem__", counting)
    first = loader_of(conf)["suites"]
    parsed.clear()
    first["cheetah_vel"]["horizon"] = "a caller's own change"
    again = loader_of(conf)["suites"]
    assert parsed.count("suites") == 0
    assert again["cheetah_vel"]["horizon"] == 200
    (conf / "test" / "suites_mine.yml").write_text("cheetah_vel: {horizon: 9}\n")
    assert loader_of(conf)["suites"]["cheetah_vel"]["horizon"] == 9
    (conf / "test" / "suites_mine.yml").unlink()
    assert loader_of(conf)["suites"]["cheetah_vel"]["horizon"] == 200


def test_what_hangs_on_other_files_is_read_every_time(conf: Path) -> None:
    suites = conf / "test" / "suites_mine.yml"
    suites.write_text("mine: {horizon: '${globals:steps}'}\n")
    for steps in (100, 200):
        (conf / "base" / "globals.yml").write_text(f"steps: {steps}\n")
        assert loader_of(conf)["suites"]["mine"]["horizon"] == steps


@pytest.fixture(scope="module")
def configured() -> Configuration:
    return read(loader_of(ROOT / "conf"))


def appended(name: str, text: str) -> Callable[[Path], None]:
    def change(conf: Path) -> None:
        with (conf / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")

    return change


def written(name: str, content: str | bytes) -> Callable[[Path], None]:
    def change(conf: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (conf / name).write_bytes(data)

    return change


def replaced(old: str, new: str) -> Callable[[Path], None]:
    def change(conf: Path) -> None:
        file = conf / "base/parameters.yml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return change


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "not UTF-8": (
        written("base/parameters.yml", b"suite: \xff"),
        "base/parameters.yml: not UTF-8 text, byte 7; save it as UTF-8",
    ),
    "a list": (written("base/suites.yml", "- 1"), "found a list; it takes names"),
    "a number as a name": (
        appended("base/methods.yml", "1: {}"),
        'the name 1 is no text; write "1"',
    ),
    "a number as an inner name": (
        appended("base/methods.yml", "mine: {learners: {1: {}}}"),
        "methods, mine, learners: the name 1 is no text",
    ),
    "in two files": (
        written("base/parameters_more.yml", "suite: ant_dir"),
        "Duplicate keys found in",
    ),
    "twice in a file": (
        appended("base/parameters.yml", "suite: ant_dir"),
        "base/parameters.yml, line",
    ),
    "itself by an alias": (
        appended("base/parameters.yml", "mine: &a [*a]"),
        "*a refers to itself",
    ),
    "itself by its name": (
        appended("base/parameters.yml", "mine: ${mine}"),
        "mine refers to itself",
    ),
    "an unknown resolver": (
        appended("base/parameters.yml", "mine: ${nobody:1}"),
        "mine: Unsupported interpolation type nobody",
    ),
    "the environment": (
        appended("base/parameters.yml", "mine: ${oc.env:HOME}"),
        "mine: Unsupported interpolation type oc.env",
    ),
    "a name that is not there": (
        appended("base/parameters.yml", "mine: ${nobody}"),
        "mine: Interpolation key 'nobody' not found",
    ),
    "an interpolation that does not end": (
        appended("base/parameters.yml", "mine: '${suite'"),
        "mine:",
    ),
    "nothing": (written("base/parameters.yml", ""), "parameter suite is missing"),
    "no file": (lambda conf: (conf / "base/methods.yml").unlink(), "No files of YAML"),
    "a group that is none": (
        written("test/parameters.yml", "learner: 3"),
        "parameter learner.name is missing",
    ),
    "a kind that is another": (
        written("test/parameters.yml", "graphs: 3"),
        "parameter graphs is 3; it takes true or false",
    ),
    "a setting that there is not": (
        written("test/parameters.yml", "learner: {alhpa: 3.0}"),
        "unknown parameter learner.alhpa; did you mean learner.alpha?",
    ),
    "a seed below zero": (
        replaced("data_seed: 0", "data_seed: -1"),
        "parameter data_seed is -1; it has to be at least 0",
    ),
    "a class that is a path": (
        replaced("oer_pipeline.selection.mbes:MBES", '"../x:y"'),
        "class '../x:y' cannot be loaded: it is no dotted path",
    ),
    "a preset that is none": (
        appended("base/methods.yml", "mine: 3"),
        "method mine is 3",
    ),
    "later that is no list": (
        replaced("later: [replay_weight, trunk_start]", "later: 1"),
        "learners.er_dbc.later is 1; it takes a list",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_a_user_can_break_is_one_line(kind: str, conf: Path) -> None:
    change, words = BROKEN[kind]
    change(conf)
    with pytest.raises(ConfigurationError) as error:
        read(loader_of(conf)).plan({})
    [line] = str(error.value).splitlines()
    assert words in line


WEIRD: list[Any] = [
    *(None, True, 0, -1, 3, 10**30, -0.5, 1e300, "", "x", "..", "../../x", "a/b"),
    *("0-2", "1+1", "9" * 5_000, [], [1], ["a"], [[]], {}, {"a": 1}, {1: 2}, "x:y"),
    *("../x:y", "os:path", "\x00", "é" * 50, "${a}", "td3bc", {"class": 3}, [None]),
]
SUITES = ("cheetah_vel_signed", "walker_par")
RUNS: list[dict[str, Any]] = [
    {},
    {"suite": "walker_par"},
    {"method": "er"},
    {"learner": {"name": "packnet"}},
    {"compare": "oer+er"},
]


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else []
    if isinstance(value, list):
        inside = enumerate(value)
    for name, inner in inside:
        yield (*above, name)
        yield from _places(inner, (*above, name))


def _broken(whole: Any, chance: random.Random) -> str:
    """Put something odd at a random place, or take away what is there."""
    place = chance.choice(list(_places(whole)))
    group = whole
    for name in place[:-1]:
        group = group[name]
    if chance.random() < 0.2:
        del group[place[-1]]
        return f"without {place}"
    group[place[-1]] = chance.choice(WEIRD)
    return f"{place} = {group[place[-1]]!r}"


def _hold(configured: Configuration, seed: int) -> None:
    """A random fault ends in a plan or in one line, soon."""
    chance = random.Random(seed)
    told = {
        "parameters": dict(configured.parameters),
        "suites": {name: configured.suites[name] for name in SUITES},
        "methods": dict(configured.presets),
    }
    told = deepcopy(told)
    where = chance.choice(list(told))
    fault = f"{where}: {_broken(told[where], chance)}"
    runtime = chance.choice(RUNS)
    started = time.monotonic()
    said = ""
    try:
        check_parameters(told["parameters"])
        check_suites(told["suites"])
        check_methods(told["methods"])
        presets = with_learners(told["methods"], told["parameters"]["learners"])
        broken = configured._replace(
            parameters=told["parameters"],
            suites=told["suites"],
            methods=presets,
            presets=presets,
            environment="local",
        )
        broken.plan(runtime)
    except ConfigurationError as error:
        said = str(error)
    except Exception as error:
        raise AssertionError(f"{fault}, run {runtime}") from error
    assert len(said.splitlines()) <= 1, fault
    assert time.monotonic() - started < 30.0, fault


def test_random_faults_are_a_plan_or_one_line(configured: Configuration) -> None:
    for seed in range(250):
        _hold(configured, seed)


def test_settings_of_learners_that_a_file_lacks_have_their_defaults(
    configured: Configuration,
) -> None:
    asked = configured.parameters["learner"]
    for name in sorted(asked.keys() - {"name", "base"}):
        fewer = {key: value for key, value in asked.items() if key != name}
        parameters = {**configured.parameters, "learner": fewer}
        assert configured._replace(parameters=parameters).plan({}).seeds, name


@pytest.mark.slow
def test_many_random_faults_are_a_plan_or_one_line(configured: Configuration) -> None:
    for seed in range(250, 10_000):
        _hold(configured, seed)


NAMES = st.sampled_from(
    [
        *("suite", "seeds", "learner.alpha", "learner", "learners.er.replay_weight"),
        *("method", "tasks", "quality", "data_seed", "judging.sizes", "x", "..", ".a"),
        *(
            "learner.",
            "a b",
            "",
            "selectors.mbes.walkers",
            "compare",
            "dynamics.hidden",
        ),
        *("checkpoint_seconds", "order_seed", "transfer_evaluation.tasks", "a[b"),
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            *(
                "",
                "=",
                "1e999",
                "nan",
                "-1",
                "9" * 5_000,
                "../../x",
                "a+b",
                "0-2",
                "[1",
            ),
            *("{a: 1}", "null", "true", "'", '"', "\n", "\x00", "é", "0x10", "${a}"),
            *("@", "!!x", "a:b", "=b", "1-", "0-9999999999", "&a", "*a"),
        ]
    ),
    st.text(max_size=8),
)
ITEMS = st.tuples(NAMES, st.sampled_from(["=", "=", "=", ""]), VALUES).map("".join)
TEXTS = st.lists(ITEMS, min_size=1, max_size=2).map(",".join)


def _text_holds(configured: Configuration, text: str) -> None:
    said = ""
    try:
        configured.plan(parameters_of(text))
    except ConfigurationError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=TEXTS)
def test_any_text_of_params_is_a_plan_or_one_line(
    configured: Configuration, text: str
) -> None:
    _text_holds(configured, text)


@pytest.mark.slow
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=TEXTS)
def test_many_texts_of_params_are_a_plan_or_one_line(
    configured: Configuration, text: str
) -> None:
    _text_holds(configured, text)


@pytest.mark.parametrize(
    "text",
    ["learner.alpha=1e999", "learner.alpha=.nan", "selectors.mbes.gate=1e999"],
)
def test_no_parameter_is_infinite(text: str, configured: Configuration) -> None:
    with pytest.raises(ConfigurationError, match=r"(is|gate) (inf|nan)"):
        configured.plan(parameters_of(text))
