"""Grid files: what is crossed, what is refused, and that the committed ones are
whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.studies.cells import cells_of, groups, jobs_of
from oer_pipeline.studies.combinations import combinations
from oer_pipeline.studies.command import report_of
from oer_pipeline.studies.grid_files import from_config, names, read
from oer_pipeline.studies.jobs import check

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
METHODS = yaml.safe_load((CONF / "base/methods.yml").read_text())
LEARNERS = yaml.safe_load((CONF / "base/parameters.yml").read_text())["learners"]
SMALL = {
    "suites": ["ant_dir"],
    "qualities": ["medium"],
    "methods": ["er_random", "oer"],
}


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def grid(**more: Any) -> Any:
    return from_config("mine", {**SMALL, **more})


def test_axes_are_crossed_and_single_values_fixed() -> None:
    told = grid(
        qualities=["medium", "expert"],
        parameters={
            "replay.size": [30, 300],
            "learner.heads": "single",
            "graphs": False,
        },
        seeds="0-1",
    )
    found = combinations(told, METHODS, LEARNERS)
    assert len(found) == 2 * 2 * 2
    first = found[0]
    assert first.varied == {"replay.size": 30}
    assert first.params("tasks=2,replay.size=7") == (
        "tasks=2,replay.size=7,suite=ant_dir,quality=medium,method=er_random,"
        "replay.size=30,learner.heads=single,graphs=false,seeds=0+1"
    )
    assert [(c.quality, c.method, c.parameters["replay.size"]) for c in found[:4]] == [
        ("medium", "er_random", 30),
        ("medium", "er_random", 300),
        ("medium", "oer", 30),
        ("medium", "oer", 300),
    ]


def test_a_learner_added_by_one_line_is_in_the_grids() -> None:
    methods = {**METHODS, "pull": {"learner": {"name": "pull"}}}
    learners = {
        **LEARNERS,
        "pull": {"class": "x:Pull", "strength": 1.0, "tuned": "strength"},
    }
    every = combinations(grid(methods="all"), methods, learners)
    assert "pull" in {c.method for c in every}
    tuned = combinations(
        grid(methods="tuned", report="tuning", coefficient=[1, 10]), methods, learners
    )
    [low, high] = [c.parameters for c in tuned if c.method == "pull"]
    assert (low, high) == (
        {"learners.pull.strength": 1.0},
        {"learners.pull.strength": 10.0},
    )


def test_lines_of_ones_own_configuration_reach_the_grids(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A learner is in `all` and `tuned`, a selector can be judged, and a grid of one's
    own is found: conf/local alone, and no Python."""
    monkeypatch.chdir(project.path)
    local = project.path / "conf" / "local"
    (local / "grids").mkdir(parents=True)
    shutil.copytree(CONF.parent / "docs", project.path / "docs")
    judged = grid(
        stages=["continual", "judging"],
        report="selectors",
        methods=["finetune"],
        parameters={"judging.selectors": "uniform+mine", "tasks": 1},
    )
    with pytest.raises(ConfigurationError, match=r"judging.selectors 'mine'"):
        cells_of(judged, "", None)
    (local / "parameters.yml").write_text(
        "learners:\n"
        "  mine:\n"
        "    { class: 'oer_pipeline.learners.ewc:EWC', penalty: 1.0, tuned: penalty }\n"
        "selectors:\n"
        "  mine: { class: 'oer_pipeline.selection.uniform:Uniform' }\n"
    )
    (local / "methods.yml").write_text("mine: { learner: { name: mine } }\n")
    (local / "grids" / "my_grid.yml").write_text(yaml.safe_dump(SMALL))
    assert len(cells_of(judged, "", None).cells) == 1
    for name in ("learners", "tuning"):
        cells = cells_of(read(name, project.path / "conf", None), "", None).cells
        assert "mine" in {cell.plan.method for cell in cells}
    assert "my_grid" in names(project.path / "conf", None)
    own = cells_of(read("my_grid", project.path / "conf", None), "", None)
    assert [cell.name for cell in own.cells] == ["er_random", "oer"]


def test_an_order_has_a_seed_of_its_own() -> None:
    """Crossed with all else; each is one `order_seed` with that one seed."""
    told = grid(parameters={"replay.size": [30, 300]}, orders="0-1+7")
    found = combinations(told, METHODS, LEARNERS)
    assert len(found) == 2 * 2 * 3
    assert found[2].varied == {"replay.size": 30, "order_seed": 7}
    assert found[2].params("").endswith("replay.size=30,order_seed=7,seeds=7")
    [cell] = cells_of(grid(methods=["oer"], orders=[3]), "", "test").cells
    assert cell.plan.seeds == (3,)
    assert (cell.plan.suite_folder, cell.plan.cell) == ("ant_dir", "oer-order_seed=3")


def test_a_method_may_have_parameters_of_its_own() -> None:
    told = grid(
        parameters={"replay.size": [30, 300], "tasks": 2},
        method_parameters={"oer": {"learners.er_dbc.replay_weight": 10.0, "tasks": 1}},
        report="mine:report",
    )
    found = combinations(told, METHODS, LEARNERS)
    own = [each for each in found if each.method == "oer"]
    others = [each for each in found if each.method != "oer"]
    for each in own:
        assert each.parameters["learners.er_dbc.replay_weight"] == 10.0
        assert each.parameters["tasks"] == 1
        assert list(each.varied) == ["replay.size"]
    for each in others:
        assert "learners.er_dbc.replay_weight" not in each.parameters
        assert each.parameters["tasks"] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"suite": ["x"]}, "grid mine: unknown key 'suite'; did you mean suites?"),
        ({"suites": []}, r"grid mine: suites is \[\]; it takes a list of names"),
        ({"suites": "ant_dir"}, "grid mine: suites is 'ant_dir'; it takes a list"),
        ({"methods": ["oer", "oer"]}, "has a name twice"),
        ({"methods": "every"}, "methods is 'every'; it takes a list"),
        ({"parameters": ["tasks"]}, "parameters is .* it takes dotted names"),
        ({"parameters": {"tasks": []}}, "parameter tasks has no value"),
        (
            {"parameters": {"tasks": [[1]]}},
            r"parameter tasks is \[1\]; it takes numbers",
        ),
        ({"parameters": {"compare": "a,b"}}, "parameter compare is 'a,b'"),
        (
            {"parameters": {"seeds": "0-2"}},
            "seeds is no parameter .* give it beside `parameters`, as seeds",
        ),
        ({"method_parameters": ["oer"]}, "it takes methods with their parameters"),
        ({"method_parameters": {"er": {"tasks": 1}}}, "unknown method 'er'"),
        (
            {"method_parameters": {"oer": {"tasks": [1, 2]}}},
            "method_parameters of oer: tasks has 2 values; it takes one",
        ),
        (
            {"method_parameters": {"oer": {"seeds": 1}}},
            "method_parameters of oer: seeds is no parameter of a grid",
        ),
        ({"coefficient": ["much"]}, "coefficient is .* it takes a list of numbers"),
        ({"seeds": "0-x"}, "grid mine: seeds are '0-x'"),
        ({"orders": "0-x"}, "grid mine: orders are '0-x'; give a range"),
        ({"orders": "0-7", "seeds": "0"}, "each order has a seed of its own"),
        (
            {"parameters": {"order_seed": 3}},
            "order_seed is no parameter .* give it beside `parameters`, as orders",
        ),
        ({"claims": ["better"]}, "claim 'better'; it takes beside, metric, of, says"),
        (
            {
                "claims": {
                    "says": "x",
                    "metric": "per",
                    "of": "oer",
                    "beside": "oer",
                    "secondary": "yes",
                }
            },
            "claim 'x': secondary is 'yes'; it takes true or false",
        ),
        (
            {"claims": {"says": "x", "metric": "per", "of": "oer", "beside": "er"}},
            "claim 'x': unknown method 'er'; did you mean oer",
        ),
        (
            {"claims": {"says": "x", "metric": "pr", "of": "oer", "beside": "oer"}},
            "claim 'x': unknown metric 'pr'; did you mean per",
        ),
        (
            {"claims": {"says": "x", "metric": "per", "of": "oer", "beside": "oer"}},
            "claim 'x' is about oer beside itself; it takes two methods",
        ),
        (
            {"excuse_divergence": True},
            "excuse_divergence is true; report comparison needs every cell's results",
        ),
        (
            {"report": "learners", "qualities": ["medium", "expert"]},
            "qualities are medium, expert; report learners takes one",
        ),
        (
            {"report": "tuning", "coefficient": [1]},
            r"coefficient is \[1.0\]; report tuning takes two values or more",
        ),
        (
            {
                "report": "tuning",
                "coefficient": [1, 2],
                "parameters": {"tasks": [1, 2]},
            },
            "tasks is crossed; report tuning takes one value",
        ),
        ({"coefficient": [1, 2]}, "says coefficient, and report comparison compares"),
        (
            {"method_parameters": {"oer": {"tasks": 1}}, "report": "learners"},
            "says method_parameters, and report learners compares",
        ),
        (
            {"report": "weights", "coefficient": [1]},
            r"coefficient is \[1.0\]; report weights takes two values or more",
        ),
        (
            {"report": "tuning", "coefficient": [1, 2], "orders": "0-1"},
            "orders are crossed; report tuning takes none",
        ),
        ({"stages": ["training"]}, "unknown stage 'training'; choose one of continual"),
        ({"report": 3}, "report is 3; it takes a name"),
        (
            {"stages": ["continual"]},
            "stages are continual; report comparison reads what reporting makes; add",
        ),
        (
            {"report": "selectors"},
            "report selectors reads what judging makes; add it",
        ),
        (
            {"report": "continual_world", "parameters": {"replay.size": [10, 30]}},
            "replay.size is crossed; report continual_world takes one value",
        ),
        (
            {"page": "../learners.md"},
            "page is '../learners.md'; it takes a page in the project",
        ),
    ],
)
def test_what_a_grid_does_not_take_is_one_line(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        grid(**change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {
                "methods": "all",
                "method_parameters": {"oerr": {"tasks": 1}},
                "report": "study",
            },
            "mine: method_parameters: unknown method 'oerr'; did you mean oer",
        ),
        (
            {
                "methods": "all",
                "claims": {"says": "x", "metric": "per", "of": "oerr", "beside": "er"},
            },
            "mine: claim 'x': unknown method 'oerr'; did you mean oer",
        ),
        (
            {
                "parameters": {"replay.size": [30, 300]},
                "method_parameters": {"oer": {"replay.size": 99}},
                "report": "mine:report",
            },
            "method_parameters of oer: replay.size is crossed in this grid",
        ),
        (
            {
                "coefficient": [1, 2],
                "method_parameters": {"oer": {"learners.er_dbc.replay_weight": 9}},
                "report": "mine:report",
            },
            "method_parameters of oer: learners.er_dbc.replay_weight is crossed",
        ),
        (
            {"report": "study"},
            "learners.er_dbc.replay_weight is not said for er_random; a study gives",
        ),
    ],
)
def test_what_presets_tell_to_be_wrong_is_one_line(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        combinations(grid(**change), METHODS, LEARNERS)
    assert "\n" not in str(caught.value)


def test_a_study_with_its_weights_is_taken() -> None:
    weight = {"learners.er_dbc.replay_weight": 3.0}
    told = grid(report="study", parameters=weight)
    assert len(combinations(told, METHODS, LEARNERS)) == 2
    own = {"er_random": weight, "oer": weight}
    told = grid(report="study", method_parameters=own)
    assert len(combinations(told, METHODS, LEARNERS)) == 2


def test_what_is_missing_or_no_mapping_is_refused() -> None:
    for told in (None, [], "grid"):
        with pytest.raises(ConfigurationError, match="grid mine: found"):
            from_config("mine", told)
    for key in SMALL:
        with pytest.raises(ConfigurationError, match=f"{key} is missing"):
            from_config("mine", {k: v for k, v in SMALL.items() if k != key})


def test_cells_that_cannot_be_are_refused_before_any_work() -> None:
    cases = (
        (grid(methods=["oerr"]), "unknown method 'oerr'; did you mean oer"),
        (grid(suites=["ants"]), "unknown suite 'ants'"),
        (grid(parameters={"replay.sise": [1, 2]}), "unknown parameter 'replay.sise'"),
        (
            grid(coefficient=[1.0, 2.0], methods=["agem"], report="weights"),
            "method 'agem' has no coefficient",
        ),
        (
            grid(parameters={"checkpoint_seconds": [1.0, 2.0]}),
            "cells .* and .* are the same",
        ),
    )
    for told, words in cases:
        with pytest.raises(ConfigurationError, match=words):
            cells_of(told, "", "test")


def test_elsewhere_than_in_a_project_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"no folder conf in .*; run this in"):
        read("default", Path("conf"), None)


def test_a_grid_without_a_cell_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="grid mine has no cell"):
        combinations(grid(methods="tuned"), {"finetune": METHODS["finetune"]}, LEARNERS)


def test_a_part_of_a_grid_is_of_its_own_names() -> None:
    whole = read("default", CONF, None)
    part = whole.part(methods=["oer_bc"], suites=None)
    assert (part.methods, part.suites) == (("oer_bc",), whole.suites)
    with pytest.raises(
        ConfigurationError, match="grid default has no 'ewc' in its methods"
    ):
        whole.part(methods=["ewc"])


def test_a_part_of_a_study_is_some_of_its_orders() -> None:
    study = grid(orders="0-7")
    part = study.part(orders=[2, 3])
    assert (part.orders, part.is_part) == ((2, 3), True)
    with pytest.raises(
        ConfigurationError, match="has no 8 in its orders; choose one of 0, 1"
    ):
        study.part(orders=[8])
    with pytest.raises(ConfigurationError, match="grid mine has no orders"):
        grid(seeds="0-7").part(orders=[0])


def test_a_part_of_a_study_rewrites_its_page() -> None:
    """It is made of all results that are kept."""
    study = grid(
        parameters={"learners.er_dbc.replay_weight": 3.0},
        orders="0-7",
        report="study",
        page="docs/learners.md",
    )
    part = study.part(orders=[2])
    assert cells_of(part, "", None).page == Path("docs/learners.md")
    assert cells_of(part, "tasks=2", None).page is None
    assert cells_of(part, "", "test").page is None


def test_only_a_whole_grid_at_its_defaults_rewrites_its_page() -> None:
    whole = read("learners", CONF, None)
    assert cells_of(whole, "", None).page == Path("docs/learners.md")
    assert cells_of(whole.part(methods=["oer", "er"]), "", None).page is None
    assert cells_of(whole, "learner.updates=10", None).page is None
    assert cells_of(whole, "", "test").page is None
    assert cells_of(grid(report="learners"), "", None).page is None


def test_a_project_without_the_page_runs_the_grid_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As beside an installed package."""
    whole = cells_of(read("learners", CONF, None), "", None)
    assert whole.page is not None
    monkeypatch.chdir(tmp_path)
    assert whole.page is None
    assert whole.are_whole


@pytest.mark.parametrize(
    "said",
    ["suite=walker_par", "method=ewc", "replay.size=7", "seeds=3", "compare=oer"],
)
def test_what_the_grid_says_itself_is_refused_beside_it(said: str) -> None:
    told = grid(parameters={"replay.size": [30, 300]}, seeds="0-1")
    with pytest.raises(
        ConfigurationError, match=f"grid mine says {said.partition('=')[0]} itself"
    ):
        cells_of(told, f"tasks=2,{said}", "test")
    assert cells_of(told, "tasks=2", "test").cells


def test_an_environments_grid_comes_before_the_common_one(tmp_path: Path) -> None:
    for folder, suite in (("base", "ant_dir"), ("local", "walker_par")):
        (tmp_path / folder / "grids").mkdir(parents=True)
        file = tmp_path / folder / "grids" / "mine.yml"
        file.write_text(yaml.safe_dump({**SMALL, "suites": [suite]}))
    assert read("mine", tmp_path, None).suites == ("walker_par",)
    assert read("mine", tmp_path, "test").suites == ("ant_dir",)
    with pytest.raises(
        ConfigurationError, match="unknown grid 'mime'; did you mean mine"
    ):
        read("mime", tmp_path, None)
    file.write_bytes(b"suites: [\xff")
    with pytest.raises(ConfigurationError, match=r"mine.yml: not UTF-8 text, byte 9"):
        read("mine", tmp_path, None)


@pytest.mark.parametrize("name", names(CONF, None))
def test_every_committed_grid_can_be_run(name: str) -> None:
    env = "paper" if name == "paper" else None
    told = read(name, CONF, env)
    if told.report == "study" and not told.method_parameters:
        with pytest.raises(ConfigurationError, match="is not said for"):
            cells_of(told, "", env)
        return
    cells = cells_of(told, "", env)
    check(jobs_of(cells))
    assert callable(report_of(told))
    assert sum(len(group) for group in groups(cells)) == len(cells.cells)


def test_a_report_of_ones_own_is_a_dotted_name() -> None:
    told = grid(report="oer_pipeline.studies.comparison:report")
    assert report_of(told) is report_of(grid(report="comparison"))
    for wrong in (
        "comparsion",
        "no_such.module:report",
        "oer_pipeline.studies.comparison:no",
    ):
        with pytest.raises(ConfigurationError, match="can't be loaded"):
            report_of(grid(report=wrong))
