"""What a folder's name tells of the run that made it (architecture, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from oer_pipeline.common.errors import ConfigurationError, UnknownNameError
from oer_pipeline.orchestration.configuration import Configuration
from oer_pipeline.orchestration.folders import HASHED
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.reports.cell_names import CHANGES
from oer_pipeline.trajectories.qualities import IMPORTED, is_quality


@dataclass(frozen=True)
class Place:
    """A cell's folders below each layer: `{suite}/{quality}/{cell}`."""

    suite: str
    quality: str
    cell: str

    @property
    def path(self) -> str:
        """Relative to a layer."""
        return "/".join((self.suite, self.quality, self.cell))

    @property
    def is_hashed(self) -> bool:
        """Whether the names do not say what was changed."""
        names = (self.suite, self.quality, self.cell)
        return any(HASHED.search(name) for name in names)


def stem(folder: str) -> str:
    """The suite, quality or method of a folder's name."""
    return CHANGES.split(HASHED.sub("", folder))[0]


def changes(folder: str) -> list[str]:
    """The parameters that a folder's name says were changed, `name=value`; none where
    they are hashed."""
    return CHANGES.split(HASHED.sub("", folder))[1:]


def why_orphaned(place: Place, configured: Configuration) -> str:
    """Why the configuration cannot make this place any more; empty if it can.

    A name that is in doubt counts as one that it can make.
    """
    suite = stem(place.suite)
    if suite not in configured.suites:
        return f"there is no suite {suite!r}"
    quality = stem(place.quality)
    if not is_quality(quality):
        return f"there is no quality {quality!r}"
    method = stem(place.cell)
    if method not in configured.methods:
        return f"there is no method {method!r}"
    told = [*changes(place.suite), *changes(place.quality), *changes(place.cell)]
    try:
        configured.plan(parameters_of(",".join(told)))
    except UnknownNameError as error:
        names = [change.partition("=")[0] for change in told]
        if error.name in {name.rpartition(".")[2] for name in names}:
            return f"there is no parameter {error.name!r}"
    except ConfigurationError:
        pass  # in doubt: it stays
    return ""


def params_of(place: Place, configured: Configuration) -> str | None:
    """What `kedro run --params` is told to make this place; None where its name does
    not say it."""
    parts = [f"suite={stem(place.suite)}", f"method={stem(place.cell)}"]
    quality = stem(place.quality)
    if quality != IMPORTED:
        parts.append(f"quality={quality}")
    for folder in (place.suite, place.quality, place.cell):
        parts += changes(folder)
    told = ",".join(parts)
    try:
        plan = configured.plan(parameters_of(told))
    except ConfigurationError:
        return None
    made = Place(plan.suite_folder, plan.quality_folder, plan.cell)
    return told if made == place else None
