"""Every other selector, on data in which what it looks for was planted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.common.loading import build
from oer_pipeline.selection.order import content_order
from oer_pipeline.selection.protocol import Selection, Selector
from oer_pipeline.trajectories.table import Trajectories

Kit = Any
PLACES = {
    "uniform": "uniform:Uniform",
    "uniform_episodes": "uniform_episodes:UniformEpisodes",
    "reservoir": "reservoir:Reservoir",
    "reward": "reward:Reward",
    "surprise": "surprise:Surprise",
    "match": "match:Match",
    "likelihood": "likelihood:Likelihood",
    "coverage": "coverage:Coverage",
    "oracle": "oracle:Oracle",
    "mbes": "mbes:MBES",
    "imagined": "imagined_rollouts:ImaginedRollouts",
}
RANKING = ("reward", "surprise", "match", "likelihood", "coverage")
FORMS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in PLACES),
    *((name, {"per": "episode"}) for name in RANKING),
    ("mbes", {"form": "gated"}),
    ("mbes", {"revisit": "rollout"}),
    ("mbes", {"space": "policy"}),
    ("imagined", {"choice": "random", "beyond": "end"}),
]


def make(name: str, options: dict[str, Any] | None = None) -> Selector:
    return build(f"oer_pipeline.selection.{PLACES[name]}", Selector, options or {})  # type: ignore[type-abstract]


class Normal:
    """A model that knows s' = s + a, r = 0 but for N(0, `sigma`^2); the second output
    is constant."""

    members, parameters = 2, {"weight": torch.zeros(1)}

    def __init__(self, data: Trajectories, sigma: float = 1.0) -> None:
        self.observation_size, self.action_size, self.sigma = (
            data.observation.shape[1],
            data.action.shape[1],
            sigma,
        )
        both = torch.from_numpy(
            np.concatenate((data.observation, data.action), 1)[data.known]
        ).double()
        self.inputs = type(
            "Statistics", (), {"mean": both.mean(0).float(), "std": both.std(0).float()}
        )

    def predict(
        self, s: torch.Tensor, a: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        mean = torch.zeros(2, len(s), s.shape[1] + 1)
        mean[:, :, 0] = a[:, 0]
        std = torch.full_like(mean, self.sigma)
        std[1] *= 2.0
        std[:, :, 1] = 0.0
        return mean, std

    def mean_next(self, s: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        return s + torch.nn.functional.pad(a, (0, s.shape[1] - 1))

    def sample_next(
        self,
        s: torch.Tensor,
        a: torch.Tensor,
        members: torch.Tensor,
        noise: torch.Tensor,
    ) -> torch.Tensor:
        return self.mean_next(s, a) + 0.1 * noise

    def uncertainty(self, s: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        return s.abs().sum(1)


def equipped(kit: Kit, data: Trajectories, size: int, **changes: Any) -> Any:
    """A request with everything that any selector asks for."""
    given = {
        "model": Normal(data),
        "critic": lambda s, a: s[:, 0] + a[:, 0],
        "discount": 0.9,
        "features": {"policy": lambda s: np.tanh(s)},
        "visits": lambda: data.observation[3::7] + np.float32(0.01),
        "horizon": 12,
    }
    return kit.request(data, size, **{**given, **changes})


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_exactly_m_distinct_rows_and_all_of_them_when_asked(
    kit: Kit, name: str, options: dict[str, Any]
) -> None:
    data = kit.walks()
    for size in (1, 61, len(data)):
        rows = make(name, options).select(equipped(kit, data, size)).rows
        assert rows.dtype == np.int64
        assert len(rows) == len(set(rows.tolist())) == size
    assert set(rows.tolist()) == set(range(len(data)))


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_permuting_the_episodes_changes_nothing_but_the_indices(
    kit: Kit, name: str, options: dict[str, Any]
) -> None:
    data = kit.walks()
    data.reward[:] = 0.0  # ties everywhere
    other, old_rows = kit.permuted(data, [3, 0, 5, 1, 4, 2])
    selector, visits = make(name, options), data.observation[3::7] + np.float32(0.01)
    before = selector.select(equipped(kit, data, 61, visits=lambda: visits))
    after = selector.select(equipped(kit, other, 61, visits=lambda: visits))
    np.testing.assert_array_equal(before.rows, old_rows[after.rows])
    for column, values in before.record.items():
        np.testing.assert_array_equal(values, after.record[column])
    assert before.notes == after.notes


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_a_member_chooses_the_same_alone_and_among_others(
    kit: Kit, name: str, options: dict[str, Any]
) -> None:
    data = kit.walks()
    model = Normal(data)

    def asked(member: int) -> Any:
        return equipped(
            kit, data, 61, model=model, generator=torch.Generator().manual_seed(member)
        )

    chosen = make(name, options).select_all([asked(member) for member in range(3)])
    for member in range(3):
        np.testing.assert_array_equal(
            chosen[member].rows, make(name, options).select(asked(member)).rows
        )


@pytest.mark.parametrize("name", ["uniform", "reservoir"])
def test_every_row_is_as_likely_as_any_other(kit: Kit, name: str) -> None:
    data, draws, counts = (
        kit.walks(episodes=5, steps=10),
        torch.Generator().manual_seed(0),
        Counter[int](),
    )
    runs, size, rows = 2000, 10, 50
    for _ in range(runs):
        counts.update(
            make(name)
            .select(kit.request(data, size, model=None, generator=draws))
            .rows.tolist()
        )
    expected = runs * size / rows
    squared = sum((counts[row] - expected) ** 2 for row in range(rows)) / (
        expected * (1 - size / rows)
    )
    assert (
        squared * (rows - 1) / rows < 85.4
    )  # chi-square, 49 degrees of freedom: exceeded once in a thousand
    assert squared > 24.7  # nor more even than chance would have it


def test_reservoir_keeps_what_it_had_when_it_may_keep_more(kit: Kit) -> None:
    data = kit.walks()

    def rows(size: int) -> list[int]:
        kept: list[int] = (
            make("reservoir").select(kit.request(data, size, model=None)).rows.tolist()
        )
        return kept

    assert rows(80)[:30] == rows(30)


def test_uniform_episodes_takes_whole_ones_and_cuts_the_last(kit: Kit) -> None:
    data = kit.walks(episodes=8, steps=10)
    firsts = Counter[int]()
    for seed in range(400):
        draws = torch.Generator().manual_seed(seed)
        rows = (
            make("uniform_episodes")
            .select(kit.request(data, 25, model=None, generator=draws))
            .rows
        )
        episodes = data.episode[rows[[0, 10, 20]]]
        assert len(set(episodes.tolist())) == 3
        expected = [
            data.starts[e] + np.arange(n)
            for e, n in zip(episodes, (10, 10, 5), strict=True)
        ]
        np.testing.assert_array_equal(rows, np.concatenate(expected))
        firsts[int(episodes[0])] += 1
    assert (
        max(abs(firsts[e] - 50) for e in range(8)) < 30
    )  # more than 4 standard deviations


PLANTED = [4, 17, 31, 32, 48]


def plain(kit: Kit) -> Trajectories:
    """50 rows in 5 episodes, none like another and nothing to find in them."""
    data: Trajectories = kit.table(
        [[(0.1 * x, 5.0 * y) for x in range(11)] for y in range(5)]
    )
    return data


def chosen(name: str, request: Any, **options: Any) -> Selection:
    return make(name, options).select(request)


def test_reward_picks_the_planted_rewards(kit: Kit) -> None:
    data = plain(kit)
    data.reward[PLANTED] = [1, 5, 3, 2, 4]
    assert chosen("reward", kit.request(data, 5)).rows.tolist() == [17, 48, 31, 32, 4]
    # Mean rewards of the episodes: 0.1, 0.5, 0, 0.5, 0.4; ties at random.
    rows = chosen("reward", kit.request(data, 25), per="episode").rows.tolist()
    assert sorted(rows) == [*range(10, 20), *range(30, 40), *range(40, 45)]
    assert {
        chosen("reward", kit.request(data, 1, generator=_draws(s)), per="episode").rows[
            0
        ]
        for s in range(20)
    } == {
        10,
        30,
    }


def test_surprise_picks_the_planted_errors(kit: Kit) -> None:
    data = plain(kit)

    # Q(s, a) = x + a, and pi(s) = 0.5; rewards make every TD error 0, at terminal rows
    # too, but for what is planted.
    def critic(s: Any, a: Any) -> Any:
        return s[:, 0] + a[:, 0]

    data.terminal[[9, 29]], data.timeout[[9, 29]] = True, False
    then = 0.9 * np.where(data.terminal, 0.0, data.next_observation[:, 0] + 0.5)
    data.reward[:] = data.observation[:, 0] + data.action[:, 0] - then
    data.reward[PLANTED] += [1, -5, 3, -2, 4]
    asked = kit.request(data, 5, critic=critic, discount=0.9, act=kit.right_by(0.5))
    assert chosen("surprise", asked).rows.tolist() == [17, 48, 31, 32, 4]
    assert chosen("surprise", replace(asked, size=10), per="episode").rows.tolist() in (
        list(range(10, 20)),
        list(range(30, 40)),
    )


def test_match_picks_the_planted_agreement(kit: Kit) -> None:
    data = plain(kit)
    data.action[:] = -1.0
    data.action[PLANTED, 0] = [0.1, 0.5, 0.3, 0.2, 0.4]
    assert chosen(
        "match", kit.request(data, 5, act=kit.right_by(0.5))
    ).rows.tolist() == [17, 48, 31, 32, 4]
    assert chosen(
        "match", kit.request(data, 5, act=kit.right_by(0.5)), per="episode"
    ).rows.tolist() == [*range(30, 35)]


def test_likelihood_prefers_what_the_model_expects(kit: Kit) -> None:
    # s' - s is (0.1, 0); the reward misses what is expected, 0, by 3, but for planted.
    data = plain(kit)
    data.reward[:] = 3.0
    data.reward[PLANTED] = [0.5, 0.1, -0.3, 0.4, 0.2]
    asked = kit.request(data, 5, model=Normal(data))
    assert chosen("likelihood", asked).rows.tolist() == [17, 48, 31, 32, 4]
    assert sorted(
        chosen("likelihood", replace(asked, size=10), per="episode").rows.tolist()
    ) == [*range(30, 40)]


def test_likelihood_puts_what_nobody_knows_last(kit: Kit) -> None:
    """The end of each of the two episodes only fills its place; the first one's is
    marked."""
    data = kit.table(
        [[(x, 0), (x + 0.1, 0), (x + 0.1, 0)] for x in (0, 5)], terminal=[True, True]
    )
    data.action[:, 0] = [0.1, 0.0, 0.1, 0.0]  # as s' - s is, the model expects
    data.reward[:] = [0.1, 0.0, 0.2, 0.0]
    marked = kit.unknown_ends(data, [0])

    def order(table: Trajectories, **options: Any) -> list[int]:
        return chosen(
            "likelihood", kit.request(table, 4, model=Normal(table)), **options
        ).rows.tolist()

    assert set(order(data)[:2]) == {1, 3}
    assert order(marked) == [3, 0, 2, 1]
    assert order(data, per="episode") == [
        0,
        1,
        2,
        3,
    ]  # means of the squares 0.01, 0 and 0.04, 0
    assert order(marked, per="episode") == [0, 1, 2, 3]
    marked.reward[2] = 0.05
    marked.reward[3] = 0.12
    # 0.1 ** 2 = 0.01 for the first one's known row; (0.05 ** 2 + 0.12 ** 2) / 2 =
    # 0.00845.
    assert order(marked, per="episode") == [2, 3, 0, 1]


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_what_fills_the_place_of_an_unknown_end_changes_no_choice(
    kit: Kit, name: str, options: dict[str, Any]
) -> None:
    data = kit.unknown_ends(kit.walks(), [2])
    order = content_order(data).tolist()
    for filling in range(
        1, 1_000
    ):  # another content gives the episodes another order: most do
        other = replace(data, next_observation=data.next_observation.copy())
        other.next_observation[74] = filling
        if content_order(other).tolist() == order:
            break
    rows = [
        make(name, options).select(equipped(kit, d, 40)).rows.tolist()
        for d in (data, other)
    ]
    assert rows[0] == rows[1]


def test_likelihood_is_that_of_the_mixture_without_constant_outputs(kit: Kit) -> None:
    from scipy.stats import norm

    data = kit.walks(width=2)
    selector: Any = make("likelihood")
    scores = selector.scores(
        kit.request(data, 5, model=Normal(data, 0.7)), np.arange(len(data))
    )
    moved = data.next_observation[:, 0] - data.observation[:, 0] - data.action[:, 0]
    densities = [
        norm.pdf(moved, 0, s) * norm.pdf(data.reward, 0, s) for s in (0.7, 1.4)
    ]
    np.testing.assert_allclose(
        scores, np.log(np.mean(densities, axis=0)), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("per", ["transition", "episode"])
def test_coverage_spreads_over_planted_clusters_however_unequal(
    kit: Kit, per: str
) -> None:
    # Nine clusters far apart: one of 30 episodes, eight of one each.
    draw = np.random.default_rng(0)
    centres = [(0, 0)] * 30 + [(100 * np.cos(k), 100 * np.sin(k)) for k in range(8)]
    data = kit.table(
        [np.array(c) + 0.1 * draw.standard_normal((11, 2)) for c in centres]
    )
    size = 18 if per == "transition" else 90
    rows = chosen("coverage", kit.request(data, size, model=None), per=per).rows
    counts = Counter(max(0, int(row) // 10 - 29) for row in rows)
    assert set(counts) == set(range(9))
    assert counts[0] <= (size / 3 if per == "transition" else 10)
    uniform = Counter(
        max(0, int(row) // 10 - 29)
        for row in chosen("uniform", kit.request(data, size)).rows
    )
    assert uniform[0] > size / 2


def test_oracle_takes_the_samples_that_were_visited_each_once(kit: Kit) -> None:
    data = kit.table([[(x, y) for x in range(11)] for y in range(5)])
    visits = np.array([(2.2, 0), (2.4, 0), (7, 3.1)], np.float32)
    three = chosen("oracle", kit.request(data, 3, visits=lambda: visits, model=None))
    assert sorted(three.rows.tolist()) == [
        2,
        3,
        37,
    ]  # 2 goes to the nearer visit, the other gets the next nearest
    assert three.notes["visits"] == 3
    assert 0 < three.notes["mean_distance"] < 1
    five = chosen("oracle", kit.request(data, 5, visits=lambda: visits, model=None))
    assert set(five.rows.tolist()) > {2, 3, 37}
    assert len(set(five.rows.tolist())) == 5
    one = {
        int(
            chosen(
                "oracle",
                kit.request(data, 1, visits=lambda: visits, generator=_draws(s)),
            ).rows[0]
        )
        for s in range(30)
    }
    assert one == {2, 37}


def test_the_environment_is_asked_by_the_oracle_alone(kit: Kit) -> None:
    data = kit.walks()

    def visits() -> Any:
        raise AssertionError("not offline")

    for name, options in FORMS:
        if name != "oracle":
            make(name, options).select(equipped(kit, data, 5, visits=visits))


@pytest.mark.parametrize(
    ("name", "missing", "says"),
    [
        (
            "surprise",
            "critic",
            "selector surprise needs a critic, but the request has none",
        ),
        ("surprise", "discount", "selector surprise needs the critic's discount"),
        ("likelihood", "model", "selector likelihood needs a transition model"),
        ("mbes", "model", "selector mbes needs a transition model"),
        ("oracle", "visits", "selector oracle needs states visited in the environment"),
    ],
)
def test_what_is_missing_is_named(kit: Kit, name: str, missing: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make(name).select(equipped(kit, kit.walks(), 5, **{missing: None}))


@pytest.mark.parametrize("name", RANKING)
def test_option_values_are_checked(name: str) -> None:
    with pytest.raises(
        ConfigurationError,
        match=f"{name}: per is 'row'; choose one of episode, transition",
    ):
        make(name, {"per": "row"})
    with pytest.raises(
        ConfigurationError,
        match="coverage: radius_quantile is 2; it has to be at least 0 and at most 1",
    ):
        make("coverage", {"radius_quantile": 2})


def test_numbers_that_are_not_finite_are_refused_by_name(kit: Kit) -> None:
    data = kit.walks(episodes=3, steps=10)

    def nan_at(row: int) -> Any:
        """Of a state's first coordinate; NaN where that is the one of `row`."""
        value = data.observation[row, 0]
        return lambda s, *_: np.where(s[:, :1] == value, np.nan, 0.0).astype(np.float32)

    critic = nan_at(15)  # the s' of row 14
    with pytest.raises(
        DataError,
        match="the critic's value at episode 1, step 4 of the data is not finite: nan",
    ):
        make("surprise").select(
            equipped(kit, data, 5, critic=lambda s, a: critic(s)[:, 0])
        )
    with pytest.raises(
        DataError,
        match="the policy's action at episode 2, step 3 of the data is not finite",
    ):
        make("match").select(equipped(kit, data, 5, act=nan_at(23)))
    model: Any = Normal(data)
    model.sigma = float("nan")
    with pytest.raises(
        DataError,
        match=(
            "the score of selector likelihood at episode 0, step 0 of the data is not"
        ),
    ):
        make("likelihood").select(equipped(kit, data, 5, model=model))
    for visits, says in [
        (np.zeros((0, 3)), r"shape \(0, 3\); at least one row of 3 columns"),
        (np.zeros((4, 2)), r"shape \(4, 2\); at least one row of 3 columns"),
        (np.array([[0, 0, 0], [0, np.nan, 0]]), "visit 1 is not finite"),
    ]:
        with pytest.raises(DataError, match=says):
            make("oracle").select(equipped(kit, data, 5, visits=lambda v=visits: v))


def _draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
