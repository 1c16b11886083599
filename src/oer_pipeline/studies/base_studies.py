"""The studies of base learners: what is compared with what, on which data and seeds.

`bases` is on reported suites and seeds; `choice`, of alpha and critic normalisation, on
tasks and seeds that are never reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from oer_pipeline.common.checks import known
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.studies.base_results import Curves, points_of

TASKS = 2
ALPHAS = ("2.5", "1.0", "0.5", "0.25")


@dataclass(frozen=True)
class Study:
    """Suites, qualities and seeds, and the variants of the base learner, as `kedro run
    --params` takes them."""

    block: str
    suites: tuple[str, ...]
    qualities: tuple[str, ...]
    seeds: str
    variants: Mapping[str, str]

    def part(
        self,
        suites: Sequence[str] | None,
        qualities: Sequence[str] | None,
        variants: Sequence[str] | None = None,
    ) -> Study:
        """The study on some of its suites, qualities and variants; None: on all.

        Raises:
            ConfigurationError: one that is none of the study's: a choice must not see
                what is reported; variants without `bc`, which the others are compared
                with.
        """
        kept = _some("--variants", variants, tuple(self.variants))
        if "bc" not in kept:
            raise ConfigurationError(
                f"--variants is {'+'.join(kept)}; bc has to be among them, because the"
                " others are compared with it"
            )
        return replace(
            self,
            suites=_some("--suites", suites, self.suites),
            qualities=_some("--qualities", qualities, self.qualities),
            variants={name: self.variants[name] for name in kept},
        )

    def runs(self, more: str) -> dict[tuple[str, str, str], str]:
        """Parameters of each (suite, quality, variant); `more` are a user's own.

        Raises:
            ConfigurationError: `more` says what the study says itself.
        """
        fixed = ["method=finetune", f"tasks={TASKS}", f"seeds={self.seeds}"]
        self._check_beside(more, fixed)
        found = {}
        for suite in self.suites:
            for quality in self.qualities:
                data = [f"suite={suite}", f"quality={quality}"]
                for variant, told in self.variants.items():
                    parts = [*fixed, told, more, *data]
                    found[suite, quality, variant] = ",".join(filter(None, parts))
        return found

    def in_order(self, curves: Curves) -> Curves:
        """Those of the study, in its order."""
        return {key: curves[key] for key in self.runs("") if key in curves}

    def covered(self, curves: Curves) -> Study:
        """The largest part whose results are complete: suites that all have the same
        qualities, variants and numbers of updates. So neither a suite that was half run
        nor one that was run further takes the others off the page."""
        own = self.in_order(curves)
        parts = []
        for first in self.suites:
            alone = self._shared_by((first,), own)
            results = alone._results_of_one(own)
            suites = []
            for suite in self.suites:
                both = self._shared_by((first, suite), own)
                if both._results_of_one(own) == results:
                    suites.append(suite)
            together = self._shared_by(tuple(suites), own)
            parts.append((results * len(suites), results, together))
        *_, most = max(parts, key=lambda part: part[:2])
        return most

    def _shared_by(self, suites: tuple[str, ...], curves: Curves) -> Study:
        """Of qualities and variants those that all of some suites have."""
        qualities = []
        for quality in self.qualities:
            if all((suite, quality, "bc") in curves for suite in suites):
                qualities.append(quality)
        variants = {}
        for name, told in self.variants.items():
            places = product(suites, qualities, [name])
            if curves.keys() >= set(places):
                variants[name] = told
        return replace(
            self, suites=suites, qualities=tuple(qualities), variants=variants
        )

    def _results_of_one(self, curves: Curves) -> int:
        """How many each suite has, after every number of updates that all have."""
        points = points_of(self.in_order(curves))
        return len(self.qualities) * len(self.variants) * len(points)

    def _check_beside(
        self,
        more: str,
        fixed: Sequence[str],
    ) -> None:
        """Refuse what would be of no effect, or would make variants the same."""
        said = {"suite", "quality", "compare", *_named(",".join(fixed))}
        for told in self.variants.values():
            said |= _named(told)
        for name in _named(more):
            if name in said:
                raise ConfigurationError(
                    f"study {self.block} says {name} itself; pick among its suites or"
                    " qualities by --suites, --qualities, or write a grid of your own"
                    " (docs/cluster.md)"
                )


def _named(params: str) -> set[str]:
    """The names in what `--params` takes."""
    names = {part.partition("=")[0].strip() for part in params.split(",")}
    return names - {""}


def _some(
    option: str,
    given: Sequence[str] | None,
    every: tuple[str, ...],
) -> tuple[str, ...]:
    if given is None:
        return every
    for name in given:
        known(f"{option}: one of them", name, every)
    return tuple(given)


STUDIES = {
    "bases": Study(
        block="bases",
        suites=("cheetah_vel_signed", "ant_dir", "walker_par"),
        qualities=("medium", "medium_random", "medium_replay", "expert"),
        seeds="0-2",
        variants={
            "bc": "learner.base=bc",
            "td3bc_paper": "learner.alpha=2.5,learner.critic_norm=none",
            "td3bc": "",
            "rebrac": "learner.base=rebrac,learner.critic_norm=layer",
            "iql": "learner.base=iql",
        },
    ),
    "choice": Study(
        block="choice",
        suites=("cheetah_vel_tuning", "ant_dir_tuning", "walker_par_tuning"),
        qualities=("random", "medium", "medium_random", "medium_replay", "expert"),
        seeds="1000-1002",
        variants={
            "bc": "learner.base=bc",
            "alpha_2.5_none": "learner.alpha=2.5,learner.critic_norm=none",
            "alpha_2.5": "learner.alpha=2.5,learner.critic_norm=layer",
            "alpha_1.0": "learner.alpha=1.0,learner.critic_norm=layer",
            "alpha_0.5": "learner.alpha=0.5,learner.critic_norm=layer",
            "alpha_0.25": "learner.alpha=0.25,learner.critic_norm=layer",
        },
    ),
}
