"""Options of MBES (method, section 5, "Selection"), checked when it is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oer_pipeline.common import checks
from oer_pipeline.common.errors import ConfigurationError

FORMS = ("default", "gated")
REVISITS = ("never", "rollout", "any")
PREDICTIONS = ("sample", "mean_of_member", "mean")
SPACES = ("observation", "policy", "critic")


@dataclass(frozen=True)
class MBESOptions:
    """Options of both forms; the method's symbols are in the page's table."""

    form: str = "default"
    revisit: str = "never"
    """Samples that a step may not lead to: `never` those in B_n, `rollout` those of its
    own roll-out, `any` none."""
    space: str = "observation"
    """Where distances are measured: `observation`, or features of the `policy`'s trunk
    or of the `critic`."""
    dimensions: Sequence[int] | None = None
    """Of the observation, to measure distances on; None: the suite's
    distance_dimensions."""
    walkers: int | None = None
    """Roll-outs in lock step; None: just so many that each can go on for a whole
    episode before the buffer is full, ceil(M / horizon)."""
    prediction: str = "sample"
    """`sample` of a uniformly drawn member, that member's mean (`mean_of_member`), or
    the ensemble's (`mean`)."""
    distance_quantile: float | None = 0.99
    """Of nearest-neighbour distances in the data: farther, a prediction has left them
    (default form). None: never."""
    distance_sample: int = 2_000
    """Rows whose nearest-neighbour distances are measured."""
    gate: float = 2.0
    """g of the gated form."""
    neighbours: int = 64
    """K of the gated form."""

    def __post_init__(self) -> None:
        """Refuse what cannot be walked.

        Raises:
            ConfigurationError: names the option, its value and what it takes.
        """
        checks.known("mbes: form", self.form, FORMS)
        checks.known("mbes: revisit", self.revisit, REVISITS)
        checks.known("mbes: prediction", self.prediction, PREDICTIONS)
        checks.known("mbes: space", self.space, SPACES)
        if self.walkers is not None:
            checks.whole("mbes: walkers", self.walkers, 1, 10_000)
        checks.whole("mbes: distance_sample", self.distance_sample, 1, checks.MOST_ROWS)
        checks.whole("mbes: neighbours", self.neighbours, 1, 10_000)
        if self.distance_quantile is not None:
            checks.between("mbes: distance_quantile", self.distance_quantile, 0.0, 1.0)
        checks.between("mbes: gate", self.gate, 0.0, checks.LARGEST, low_excluded=True)
        if self.dimensions is not None:
            self._check_dimensions(self.dimensions)

    def _check_dimensions(self, dimensions: Sequence[int]) -> None:
        """Raise a ConfigurationError unless it is a list of dimensions, for distances
        between observations."""
        named = f"mbes: dimensions is {dimensions!r}"
        listed = isinstance(dimensions, list | tuple) and len(dimensions) > 0
        if not listed or not all(map(_is_dimension, dimensions)):
            wanted = "it takes a list such as [0, 1, 2], or null"
            raise ConfigurationError(f"{named}; {wanted}")
        if self.space != "observation":
            other = f"but space is {self.space!r}; leave one out"
            raise ConfigurationError(f"{named}, {other}")


def _is_dimension(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
