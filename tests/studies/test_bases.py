"""Learning curves of base learners: trials are kept and resumed, and the rule for alpha
decides as written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from distributed import Client

from benchmarks.made_up import trajectories
from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.orchestration.plan import Plan, resolve
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.orchestration.source_code import modules_used
from oer_pipeline.studies import bases as bases_study
from oer_pipeline.studies.base_report import (
    chosen,
    per_seed,
    picture,
    report,
    still_rising,
    table,
    verdict,
)
from oer_pipeline.studies.base_results import kept, points_of, text_of
from oer_pipeline.studies.base_studies import ALPHAS, STUDIES, Study
from oer_pipeline.studies.bases import parse_points, publish
from oer_pipeline.studies.learning_curves import (
    fingerprint_of,
    kept_result,
    perform_all,
    trials_of,
)
from oer_pipeline.studies.trial import Trial, perform
from oer_pipeline.trajectories.table import write_trajectories

CONF = Path(__file__).parents[2] / "conf" / "base"
BASE, SUITES, METHODS = (
    yaml.safe_load((CONF / f"{n}.yml").read_text())
    for n in ("parameters", "suites", "methods")
)


def plan_of(run: str) -> Plan:
    return resolve(BASE, parameters_of(run), SUITES, METHODS)


def test_every_variant_is_in_force_on_seeds_and_suites_of_its_study() -> None:
    for study in STUDIES.values():
        for (suite, quality, variant), run in study.runs("").items():
            plan = plan_of(run)
            assert (plan.suite.name, plan.quality) == (suite, quality)
            learner = plan.parameters["learner"]
            if variant.startswith("alpha_"):
                alpha, *none = variant.removeprefix("alpha_").split("_")
                assert learner["alpha"] == float(alpha)
                assert learner["critic_norm"] == ("none" if none else "layer")
            assert learner["base"] == (
                "td3bc" if variant.startswith(("alpha", "td3bc")) else variant
            )


def test_the_choice_sees_no_task_and_no_seed_that_is_reported() -> None:
    reported, tuning = STUDIES["bases"], STUDIES["choice"]
    told = {}
    for study in (reported, tuning):
        plans = [plan_of(run) for run in study.runs("").values()]
        told[study.block] = [
            {
                (p.suite.family, json.dumps(dict(t.parameters)))
                for p in plans
                for t in p.tasks
            },
            {seed for p in plans for seed in p.seeds},
        ]
    for of_reported, of_tuning in zip(told["bases"], told["choice"], strict=True):
        assert not of_reported & of_tuning


def test_numbers_of_updates_are_put_in_order_and_checked() -> None:
    assert parse_points("300+20+300") == [20, 300]
    for wrong in ("", "abc", "0", "10+", "-5", str(10**12)):
        with pytest.raises(ConfigurationError, match="--points"):
            parse_points(wrong)


def test_a_part_of_a_study_is_of_its_own_suites_and_qualities() -> None:
    study = STUDIES["choice"]
    assert study.part(None, None) == study
    part = study.part(["ant_dir_tuning"], ["medium", "expert"])
    assert (part.suites, part.qualities) == (("ant_dir_tuning",), ("medium", "expert"))
    for suites, qualities in (
        (["ant_dir"], None),
        (None, ["medium", "best"]),
        ([""], None),
    ):
        with pytest.raises(
            ConfigurationError, match=r"--(suites|qualities): one of them is "
        ):
            study.part(suites, qualities)
    fewer = study.part(None, None, ["bc", "alpha_0.5"])
    assert list(fewer.variants) == ["bc", "alpha_0.5"]
    assert len(fewer.runs("")) == 2 * len(study.suites) * len(study.qualities)
    with pytest.raises(ConfigurationError, match=r"--variants is alpha_0.5; bc has to"):
        study.part(None, None, ["alpha_0.5"])
    with pytest.raises(ConfigurationError, match="--variants: one of them is 'ewc'"):
        study.part(None, None, ["bc", "ewc"])


def made_up(
    values: dict[str, list[float]], points: tuple[int, ...] = (10,)
) -> dict[str, Any]:
    return {"points": list(points), "returns": values, "diverged": ""}


def curves_of(
    differences: dict[tuple[str, str], float],
) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Curves in which an alpha's seeds differ from those of `bc` by so much, give or
    take 1."""
    found = {}
    for suite, quality in (
        ("ant", "medium"),
        ("ant", "medium_random"),
        ("walker", "medium_replay"),
    ):
        found[suite, quality, "bc"] = [
            made_up({"1": [100.0], "2": [140.0], "3": [90.0]})
        ]
        for alpha in ALPHAS:
            more = differences.get((alpha, quality), 0.0)
            values = {
                "1": [100.0 + more - 1.0],
                "2": [140.0 + more],
                "3": [90.0 + more + 1.0],
            }
            found[suite, quality, f"alpha_{alpha}"] = [made_up(values)]
    return found


def test_the_largest_alpha_that_gains_and_nowhere_loses_is_taken() -> None:
    gains = {
        (alpha, quality): 50.0
        for alpha in ALPHAS
        for quality in ("medium_random", "medium_replay")
    }
    assert chosen(curves_of(gains), 10) == "2.5"
    assert chosen(curves_of(gains | {("2.5", "medium"): -50.0}), 10) == "1.0"
    assert (
        chosen(
            curves_of({("0.25", q): 50.0 for q in ("medium_random", "medium_replay")}),
            10,
        )
        == "0.25"
    )
    assert (
        chosen(curves_of({("1.0", "medium_random"): 50.0, ("1.0", "medium"): 50.0}), 10)
        is None
    )
    assert chosen(curves_of({}), 10) is None


def test_noise_is_neither_gain_nor_loss_and_divergence_is_a_loss() -> None:
    curves = curves_of({("1.0", "medium"): 0.5})
    assert verdict(curves, "alpha_1.0", 10) == ([], [])
    curves["ant", "medium", "alpha_1.0"] = [
        made_up({"1": [100.0], "2": [], "3": [90.0]})
    ]
    assert verdict(curves, "alpha_1.0", 10) == (["ant, medium (diverged)"], [])


def test_a_seeds_return_is_the_mean_over_tasks_after_so_many_updates() -> None:
    tasks = [made_up({"1": [1.0, 3.0]}, (10, 20)), made_up({"1": [2.0, 5.0]}, (10, 20))]
    assert per_seed(tasks, 10) == {"1": 1.5}
    assert per_seed(tasks, 20) == {"1": 4.0}


def test_the_table_has_the_data_beside_the_variants() -> None:
    means = dict.fromkeys(
        [("ant", "medium"), ("ant", "medium_random"), ("walker", "medium_replay")]
    )
    for pair in means:
        means[pair] = {"data": 1.0, "doing nothing": 2.0, "expert": 3.0}
    lines = table(curves_of({}), means, 10).splitlines()
    assert lines[0].startswith(
        "| suite, quality | data | doing nothing | expert | bc | alpha_2.5 |"
    )
    assert lines[2].startswith("| ant, medium | 1 | 2 | 3 | 110 [44, 176] | 110 [")


PAGE_BEFORE = "before <!-- choice --> old <!-- /choice --> after"
SMALL = Study("choice", ("ant",), ("medium",), "1-3", {"bc": "", "alpha_2.5": ""})
SMALL_MEANS = {("ant", "medium"): {"data": 60.0, "doing nothing": 0.0, "expert": 900.0}}


def small_curves() -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Cloning stands still; the other gains 10 by 20 updates and then no more; a seed
    of its second task diverges."""
    points = (10, 20, 40)
    still = made_up({"1": [100.0] * 3, "2": [110.0] * 3, "3": [90.0] * 3}, points)
    rising = made_up(
        {
            "1": [100.0, 110.5, 110.0],
            "2": [110.0, 120.0, 120.0],
            "3": [90.0, 99.5, 100.0],
        },
        points,
    )
    return {("ant", "medium", "bc"): [still], ("ant", "medium", "alpha_2.5"): [rising]}


def test_where_a_variant_still_rises_is_seen_beyond_its_interval() -> None:
    curves = small_curves()
    assert still_rising(curves, "alpha_2.5", 10, 40) == ["ant, medium"]
    assert still_rising(curves, "alpha_2.5", 20, 40) == []
    assert still_rising(curves, "bc", 10, 40) == []


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where studies publish: a page with the block of one, and folders beside it."""
    for name in ("PAGE", "PICTURES", "RESULTS"):
        monkeypatch.setattr(bases_study, name, tmp_path / getattr(bases_study, name))
    bases_study.PAGE.parent.mkdir(parents=True)
    bases_study.PAGE.write_text(PAGE_BEFORE)
    return bases_study.PAGE


def test_the_page_its_figure_and_the_numbers_behind_them(page: Path) -> None:
    curves = small_curves()
    text = publish(SMALL, curves, SMALL_MEANS)
    assert "| ant, medium | 60 | 0 | 900 | 100 [75, 125] | 110 [85, 135] |" in text
    assert "from 10 to 40 updates: ant, medium.\n" in text
    assert "from 20 to 40 updates: nowhere.\n" in text
    assert text.count("the rule takes: none") == 2  # after 20 and after 40 updates
    assert text.strip() in page.read_text()
    drawn = bases_study.PICTURES / "base_learners_choice.png"
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert f"]({drawn.parent.name}/{drawn.name})" in text
    lines = (bases_study.RESULTS / "base_learners_choice.csv").read_text().splitlines()
    assert lines[0] == "suite,quality,variant,task,seed,updates,return"
    assert "ant,medium,alpha_2.5,1,3,20,99.500" in lines
    assert "ant,medium,expert,mean,,,900.000" in lines
    assert len(lines) == 1 + 2 * 3 * 3 + 3


@pytest.mark.usefixtures("page")
def test_a_part_of_a_study_adds_to_what_is_kept() -> None:
    study = replace(SMALL, suites=("walker", "ant"))
    ant, means = small_curves(), dict(SMALL_MEANS)
    assert "walker" not in publish(study, ant, means)
    walker = {("walker", *key[1:]): value for key, value in ant.items()}
    of_walker = {("walker", "medium"): means["ant", "medium"]}
    both = publish(study, walker, of_walker)
    first, second = (line for line in both.splitlines() if "medium | 60" in line)
    assert (first.split(",")[0], second.split(",")[0]) == ("| walker", "| ant")
    found, levels = kept(bases_study.RESULTS / "base_learners_choice.csv")
    assert found == {**walker, **ant}
    assert levels == {**means, **of_walker}
    other = {("walker", "expert", "bc"): ant["ant", "medium", "bc"]}
    wider = replace(study, qualities=("medium", "expert"))
    of_expert = {("walker", "expert"): means["ant", "medium"]}
    assert publish(wider, other, of_expert) == both  # the ant has no expert yet


def test_where_suites_share_nothing_the_first_is_shown(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = replace(SMALL, suites=("walker", "ant"), qualities=("medium", "expert"))
    [cloning, _] = small_curves().values()
    curves = {("ant", "medium", "bc"): cloning, ("walker", "expert", "bc"): cloning}
    levels = SMALL_MEANS["ant", "medium"]
    means = {("ant", "medium"): levels, ("walker", "expert"): levels}
    assert "| walker, expert |" in publish(study, curves, means)
    assert "ant waits until" in capsys.readouterr().out
    assert page.read_text() != PAGE_BEFORE
    assert kept(bases_study.RESULTS / "base_learners_choice.csv")[0] == curves


def test_nothing_without_cloning_is_on_a_page(page: Path) -> None:
    curves = {key: c for key, c in small_curves().items() if key[2] != "bc"}
    assert "no quality is kept" in publish(SMALL, curves, SMALL_MEANS)
    assert page.read_text() == PAGE_BEFORE


@pytest.mark.usefixtures("page")
def test_less_points_take_nothing_from_what_is_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = small_curves()
    before = publish(SMALL, whole, SMALL_MEANS)
    first = {
        key: [made_up({seed: r[:1] for seed, r in c["returns"].items()}, (10,))]
        for key, [c] in whole.items()
    }
    assert publish(SMALL, first, SMALL_MEANS) == before
    assert kept(bases_study.RESULTS / "base_learners_choice.csv")[0] == whole
    said = capsys.readouterr().out
    assert "ant, medium, alpha_2.5: kept as it was, which has further points" in said


def test_variants_without_a_common_point_are_on_no_page(page: Path) -> None:
    early = made_up({"1": [1.0], "2": [2.0], "3": [3.0]}, (10,))
    late = made_up({"1": [1.0], "2": [2.0], "3": [3.0]}, (20,))
    curves = {("ant", "medium", "bc"): [early], ("ant", "medium", "alpha_2.5"): [late]}
    assert "no number of updates is kept of all" in publish(SMALL, curves, SMALL_MEANS)
    assert page.read_text() == PAGE_BEFORE


def test_where_the_rule_takes_none_no_table_of_a_variant_that_was_not_run() -> None:
    cloning = {key: c for key, c in small_curves().items() if key[2] == "bc"}
    text = report(replace(SMALL, variants=("bc",)), cloning, SMALL_MEANS, "x.png")
    assert "the rule takes: none" in text
    assert "suite, quality | 10" not in text


def test_a_suite_that_was_begun_takes_nothing_off_the_page() -> None:
    """Neither variants and qualities that it lacks, nor further numbers of updates."""
    whole = {
        ("ant", quality, variant): [made_up({"1": [1.0, 2.0], "2": [2.0, 3.0]}, (5, 9))]
        for quality in ("medium", "expert")
        for variant in ("bc", "alpha_2.5")
    }
    study = replace(
        SMALL,
        suites=("ant", "walker"),
        qualities=("medium", "expert"),
        variants={"bc": "", "alpha_2.5": ""},
    )
    short = [made_up({"1": [1.0], "2": [2.0]}, (5,))]
    begun = {
        ("walker", "medium", name): whole["ant", "medium", name] for name in ("bc",)
    }
    fewer = {("walker", *key[1:]): short for key in whole}
    longer = made_up({"1": [1.0, 2.0, 3.0], "2": [2.0, 3.0, 4.0]}, (5, 9, 20))
    further = {("walker", "medium", name): [longer] for name in ("bc", "alpha_2.5")}
    for part in (begun, fewer, further):
        has_run = study.covered(whole | part)
        assert has_run.suites == ("ant",)
        assert has_run.qualities == study.qualities
        assert has_run.variants == study.variants
    done = {("walker", *key[1:]): curve for key, curve in whole.items()}
    assert study.covered(whole | done).suites == study.suites


def test_a_suite_that_was_run_further_takes_no_other_off_the_page() -> None:
    suites = ("ant", "walker", "cheetah")
    study = replace(
        SMALL,
        suites=suites,
        qualities=("medium",),
        variants={"bc": "", "alpha_0.5": "", "alpha_2.5": ""},
    )
    short = [made_up({"1": [1.0, 2.0], "2": [2.0, 3.0]}, (5, 9))]
    longer = [made_up({"1": [1.0, 2.0, 3.0], "2": [2.0, 3.0, 4.0]}, (5, 9, 20))]
    whole = {}
    for suite in suites:
        for variant in ("bc", "alpha_2.5"):
            whole[suite, "medium", variant] = short
    another = {("ant", "medium", "alpha_0.5"): short}
    further = {("ant", *key[1:]): longer for key in whole}
    for part in (another, further):
        shown = study.covered(whole | part)
        assert shown.suites == suites
        assert set(shown.variants) == {"bc", "alpha_2.5"}


@pytest.mark.parametrize("name", list(STUDIES))
def test_the_page_says_what_the_kept_results_say(name: str) -> None:
    root = CONF.parents[1]
    file = root / f"docs/results/base_learners_{name}.csv"
    curves, means = kept(file)
    if not curves:
        pytest.skip("not run at full size yet")
    study = STUDIES[name]
    assert text_of(study.in_order(curves), means) == file.read_text()
    has_run = study.covered(curves)
    shown = has_run.in_order(curves)
    text = report(has_run, shown, means, f"pictures/base_learners_{name}.png")
    assert text.strip() in (root / "docs/base_learners.md").read_text()


def test_a_training_that_diverged_is_kept_as_it_is(tmp_path: Path) -> None:
    points = (10, 20)
    diverged = made_up({"1": [100.0, 110.0], "2": [], "3": [90.5]}, points)
    curves = {("ant", "medium", "alpha_2.5"): [diverged, diverged]}
    file = tmp_path / "kept.csv"
    file.write_text(text_of(curves, SMALL_MEANS))
    assert kept(file) == (curves, SMALL_MEANS)
    assert points_of(curves) == [10, 20]
    file.write_text(file.read_text().replace("90.500", "x"))
    with pytest.raises(DataError, match=r"kept\.csv, line 6: no return: .*'x'"):
        kept(file)
    file.write_text(text_of(curves, SMALL_MEANS).replace("alpha_2.5,1,1", "x,0,1"))
    with pytest.raises(DataError, match="no return: task 0; tasks count from 1"):
        kept(file)
    file.write_text("suite,return\nant,1\n")
    with pytest.raises(DataError, match="its columns are suite, return; they have to"):
        kept(file)


def test_a_figure_can_show_a_training_that_diverged() -> None:
    curves = small_curves()
    curves["ant", "medium", "alpha_2.5"] = [
        made_up({"1": [5.0], "2": [6.0], "3": [7.0]}, (10, 20, 40))
    ]
    assert picture(SMALL, curves, SMALL_MEANS).startswith(b"\x89PNG")


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A tiny one, on made-up data of the cheetah's sizes, rolled out for ten steps."""
    plan = plan_of(
        "method=finetune,tasks=1,seeds=0-1,evaluation.episodes=2,learner.batch_size=16"
    )
    [made] = trials_of(plan, "td3bc", tmp_path, points=(4, 10))
    task = {**made.task, "horizon": 10}
    Path(made.data).parent.mkdir(parents=True)
    write_trajectories(Path(made.data), trajectories(400))
    return replace(made, task=task)


@pytest.fixture
def client() -> Iterator[Any]:
    """Dask within this process: what is tested is what is kept."""
    with Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as connected:
        yield connected


def test_trials_are_kept_and_done_again_when_they_are_others(
    trial: Trial, tmp_path: Path, client: Any
) -> None:
    told: list[str] = []
    first = perform_all([trial], tmp_path / "kept", client, told.append)
    assert list(first) == [trial.name]
    result = first[trial.name]
    assert result["points"] == [4, 10]
    assert {seed: len(returns) for seed, returns in result["returns"].items()} == {
        "0": 2,
        "1": 2,
    }
    assert perform_all([trial], tmp_path / "kept", client, told.append) == first
    assert told[-1] == "1 trials, 1 of them kept"
    other = replace(trial, settings={**trial.settings, "alpha": 0.25})
    assert fingerprint_of(other) != fingerprint_of(trial)
    again = perform_all([other], tmp_path / "kept", client, told.append)
    assert again[trial.name]["returns"] != result["returns"]
    assert perform_all([trial], tmp_path / "kept", client, told.append) == first
    assert (
        told[-1] == "1 trials, 1 of them kept"
    )  # another size has overwritten nothing


def test_a_trial_hangs_on_no_code_that_orchestrates_runs() -> None:
    """An edited message would else make hours of trials begin anew."""
    modules = modules_used(perform)
    assert "oer_pipeline.learners.task_training" in modules
    layers = {name.split(".")[1] for name in modules}
    assert not layers & {"orchestration", "studies", "datasets", "pipelines"}


def test_a_trial_that_diverges_says_so_and_ends(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oer_pipeline.learners.state import TrainingState

    monkeypatch.setattr(TrainingState, "__init__", _broken(TrainingState.__init__))
    result = perform(trial)
    assert "not finite" in result["diverged"]
    assert result["returns"] == {"0": [], "1": []}


def _broken(start: Any) -> Any:
    def with_nan(state: Any, *arguments: Any) -> None:
        start(state, *arguments)
        state.critic.buffer[0].fill_(float("nan"))

    return with_nan


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"fingerprint": "a"}'])
def test_a_damaged_result_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "trial.json").write_text(content)
    assert kept_result(tmp_path / "trial.json", "a") is None
    assert kept_result(tmp_path / "missing.json", "a") is None
