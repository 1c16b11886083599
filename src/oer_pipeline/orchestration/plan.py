"""What one run is: suite, quality, cell, seeds and the parameters in force, checked
before anything is done.

Plain Python: the context builds a plan from the configuration, pipelines and paths
follow from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any

from oer_pipeline.common.checks import MOST_EPISODES, MOST_ROWS, layers, whole
from oer_pipeline.common.errors import ConfigurationError, UnknownNameError, choices
from oer_pipeline.orchestration.classes import check_own, class_says, own_module
from oer_pipeline.suites.behaviour import behaviour_path
from oer_pipeline.suites.behaviour_data import kinds_of
from oer_pipeline.suites.suite import Suite, Task
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.qualities import IMPORTED, QUALITIES

NOT_IN_NAMES = frozenset(
    {
        "suite",
        "quality",
        "method",
        "seeds",
        "checkpoint_seconds",
        "force",
        "compare",
        "elsewhere",
        "judging",
    }
)
DATA_SCOPE = ("collection", "data_seed", "order_seed")
MODEL_SCOPE = ("dynamics", "accelerator", "precision")
LARGEST_SEED = 10**18
LONGEST_NAME = 60
BEHAVIOURS = Path("data/01_raw/behaviours")
"""Where a project's own behaviour policies lie, as the catalog has it."""
MOST_NUMBERS = 1_000
ACCELERATORS = ("cpu", "gpu", "auto")
PRECISIONS = ("highest", "high", "medium")
LISTS = frozenset(
    {"seeds", "compare", "judging.selectors", "judging.sizes", "elsewhere.tasks"}
)
"""Parameters that a command line writes as text and YAML may write as a list."""
WIDTHS = frozenset({"learner.hidden", "dynamics.hidden"})
"""Hidden layers: a list in YAML, `256+256` on a command line."""
OR_NULL = ("distance_quantile",)
"""Numbers that may be null: none of it."""


@dataclass(frozen=True)
class Elsewhere:
    """Tasks, in the cell's sequence or out of it, to run a stored policy on: the one
    `after` so many tasks."""

    tasks: tuple[Task, ...]
    after: int

    @property
    def name(self) -> str:
        """`after_3_on_2+4`, for files."""
        return (
            f"after_{self.after}_on_{'+'.join(str(task.index) for task in self.tasks)}"
        )


@dataclass(frozen=True)
class Plan:
    """A resolved run. Folder names carry every parameter that it changed, so that no
    run overwrites another.

    `untrained` names the tasks without behaviour policies of a run that needs none.
    """

    suite: Suite
    tasks: tuple[Task, ...]
    quality: str
    method: str
    seeds: tuple[int, ...]
    suite_folder: str
    quality_folder: str
    cell: str
    compare: tuple[str, ...]
    compared_cells: tuple[str, ...]
    comparison_folder: str
    elsewhere: Elsewhere | None
    untrained: frozenset[str]
    parameters: Mapping[str, Any]

    @property
    def stops(self) -> tuple[Task, ...]:
        """The tasks after which there are policies: all, but only the last for a
        learner of all tasks at once."""
        return (
            self.tasks[-1:]
            if self.parameters["chosen"]["learner"]["together"]
            else self.tasks
        )

    @property
    def title(self) -> str:
        """What runs, for a log line; that a number is a seed and no count is said."""
        return (
            f"{self.cell} on {self.suite_folder}, {self.quality_folder}:"
            f" {_told(self.seeds)}"
        )

    @property
    def selector(self) -> Mapping[str, Any] | None:
        """`{name, class, uses_model, options}` of the selector in force; None when the
        learner replays nothing."""
        chosen: Mapping[str, Any] | None = self.parameters["chosen"]["selector"]
        return chosen

    @property
    def distinct(self) -> tuple[Task, ...]:
        """The tasks that have data of their own: all but those that an equal one goes
        before."""
        return tuple(task for task in self.tasks if self.data_of(task) == task.name)

    def data_of(self, task: Task) -> str:
        """The name of the task whose data, references and transition model a task has:
        the first one like it."""
        return next(other.name for other in self.tasks if other.is_like(task))

    def raw_kinds(self, task: Task) -> tuple[str, ...]:
        """The kinds of raw data that a task's data set is cut from: roll-outs of the
        quality, or what is imported."""
        return (IMPORTED,) if task.source else QUALITIES[self.quality]


def resolve(
    base: Mapping[str, Any],
    runtime: Mapping[str, Any],
    suites: Mapping[str, Any],
    methods: Mapping[str, Any],
    project: Path = Path(),
) -> Plan:
    """Merge base parameters, the method's preset and runtime parameters (the later
    wins) into a checked plan.

    `project` is the folder that `data` lies in.

    Raises:
        ConfigurationError: an unknown suite, quality, method, selector, learner or
            parameter, or a wrong value.
    """
    method = _method(runtime.get("method", base["method"]), methods, base)
    preset, merged = _merged(method, base, runtime, methods)
    name = _known("suite", merged["suite"], suites)
    suite = Suite.from_config(name, suites[name])
    tasks = suite.sequence(merged["tasks"], merged["order_seed"])
    quality = merged["quality"] = _quality(
        merged["quality"], "quality" in runtime, suite, tasks
    )
    seeds = parse_seeds(merged["seeds"])
    _check_values(merged, suite, tasks)
    layers("learner.hidden, of all seeds", merged["learner"]["hidden"], len(seeds))
    changed, chosen = _changed(preset, merged), _chosen(merged, len(tasks))
    _check_options(merged, changed)
    _check_classes(chosen)
    without = _without_rewards(tasks)
    _check_rewards(without, chosen)
    suite_folder = _folder_name(
        name, {k: v for k, v in changed.items() if k.split(".")[0] in DATA_SCOPE}
    )
    quality_folder = _folder_name(
        quality, {k: v for k, v in changed.items() if k.split(".")[0] in MODEL_SCOPE}
    )
    merged.update(
        seeds=list(seeds), sequence={t.name: asdict(t) for t in tasks}, chosen=chosen
    )
    merged["hardware"] = _hardware(merged)
    merged["judging"], merged["judging_selectors"] = _judging(merged)
    if without:
        asked = "selectors" in runtime.get("judging", {})
        merged["judging_selectors"] = _judged_without(
            without, merged["judging_selectors"], asked
        )
    elsewhere = _elsewhere(merged, suite, tasks)
    merged["elsewhere_tasks"] = (
        {t.name: asdict(t) for t in elsewhere.tasks} if elsewhere else {}
    )
    merged["heads"] = {t.name: number for number, t in enumerate(tasks, start=1)}
    merged["suite_facts"] = {
        "horizon": suite.horizon,
        "distance_dimensions": list(suite.distance_dimensions),
    }
    compare = tuple(
        _method(m, methods, base) for m in str(merged["compare"]).split("+")
    )
    cells = {m: _cell_folder(m, base, runtime, methods) for m in (method, *compare)}
    cell = cells[method]
    merged["cell"] = {
        "suite": suite_folder,
        "quality": quality_folder,
        "method": method,
        "cell": cell,
    }
    return Plan(
        suite=suite,
        tasks=tasks,
        quality=quality,
        method=method,
        seeds=seeds,
        suite_folder=suite_folder,
        quality_folder=quality_folder,
        cell=cell,
        compare=compare,
        compared_cells=tuple(cells[m] for m in compare),
        elsewhere=elsewhere,
        untrained=_untrained(quality, tasks, project / BEHAVIOURS),
        comparison_folder=_comparison_folder(base, runtime),
        parameters=merged,
    )


def parse_seeds(given: Any) -> tuple[int, ...]:
    """Seeds from an int, a list, or a string: a range `0-2`, `+`-joined numbers `0+3`,
    or both `0-2+7`.

    Raises:
        ConfigurationError: anything else, nothing, or a seed twice.
    """
    return _numbers(
        "seeds", given, "a range 0-2, numbers 0+3, or a YAML list of numbers"
    )


def _numbers(what: str, given: Any, forms: str) -> tuple[int, ...]:
    parts = given if isinstance(given, list | tuple) else str(given).split("+")
    numbers: list[int] = []
    for part in parts:
        first, _, last = str(part).strip().partition("-")
        if not _is_number(first) or (last and not _is_number(last)):
            raise ConfigurationError(f"{what} are {given!r}; give {forms}")
        many = range(int(first), int(last or first) + 1)
        if len(numbers) + len(many) > MOST_NUMBERS:
            raise ConfigurationError(
                f"{what} are {given!r}: more than {MOST_NUMBERS}; give fewer"
            )
        numbers += many
    if not numbers or len(set(numbers)) != len(numbers):
        wrong = "none" if not numbers else "one twice"
        raise ConfigurationError(
            f"{what} are {given!r}: {wrong}; each once, at least one"
        )
    return tuple(numbers)


def _told(seeds: tuple[int, ...]) -> str:
    """`seeds 0, 1, 2`, or that it is one seed, and how to ask for as many."""
    if len(seeds) > 1:
        return f"{len(seeds)} seeds, {', '.join(map(str, seeds))}"
    [seed] = seeds
    several = f"; {seed} seeds are seeds=0-{seed - 1}" if seed > 1 else ""
    return f"one seed, number {seed}{several}"


def _is_number(text: str) -> bool:
    """Whether it is 0, 1, ... in plain digits, up to 18 of them."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def _check_values(
    parameters: Mapping[str, Any], suite: Suite, tasks: tuple[Task, ...]
) -> None:
    """Refuse, before anything is done, sizes and options that a later stage would
    stumble over."""
    from oer_pipeline.dynamics.settings import DynamicsSettings
    from oer_pipeline.learners.settings import LearnerSettings

    LearnerSettings(**parameters["learner"])
    DynamicsSettings(**parameters["dynamics"])
    _known(
        "replay.target_action",
        parameters["replay"]["target_action"],
        ("policy", "data"),
    )
    interval = parameters["checkpoint_seconds"]
    if not 0.0 <= interval < inf:
        raise ConfigurationError(
            f"parameter checkpoint_seconds is {interval}; it takes a number of seconds,"
            " 0 or more"
        )
    whole("parameter data_seed", parameters["data_seed"], 0, LARGEST_SEED)
    collected = any(task.source is None for task in tasks)
    transitions = parameters["collection"]["transitions"]
    least = 2 * suite.horizon if collected else 0
    whole("parameter collection.transitions", transitions, least, MOST_ROWS)
    rows = transitions if collected else MOST_ROWS
    ranges = {
        "collection.reference_episodes": (2, MOST_EPISODES),
        "evaluation.episodes": (1, MOST_EPISODES),
        "replay.size": (1, rows),
    }
    for name, (low, high) in ranges.items():
        group, key = name.split(".")
        whole(f"parameter {name}", parameters[group][key], low, high)


def _hardware(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a training runs on, as `training.hardware.Hardware` takes it."""
    _known("accelerator", parameters["accelerator"], ACCELERATORS)
    _known("precision", parameters["precision"], PRECISIONS)
    return {name: parameters[name] for name in ("accelerator", "graphs", "precision")}


def _check_options(parameters: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    """Refuse options of learners, bases and selectors that a run changes.

    Only then is torch imported for it; what files say, the runner checks before any
    work.
    """
    from oer_pipeline.common.loading import build

    touched = {tuple(name.split(".")[:2]) for name in changed if name.count(".") > 1}
    for group, name in sorted(touched):
        if group == "learners":
            from oer_pipeline.learners.protocol import Learner

            learner, _ = _learner(name, parameters["learners"])
            build(learner["class"], Learner, learner["options"])
        if group == "bases":
            from oer_pipeline.learners.bases.protocol import Base

            base = _base(name, parameters["bases"])
            build(base["class"], Base, base["options"])
        if group == "selectors":
            from oer_pipeline.selection.protocol import Selector

            selector = _selector(name, parameters["selectors"])
            build(selector["class"], Selector, selector["options"])  # type: ignore[type-abstract]


def _without_rewards(tasks: tuple[Task, ...]) -> str:
    """The name of the first task whose data have no rewards, as far as files of
    configuration say; or empty."""
    for task in tasks:
        if task.source is not None and not Source(**task.source).has_rewards:
            return f"suite {task.suite}, task {task.index}"
    return ""


def _check_rewards(without: str, chosen: Mapping[str, Any]) -> None:
    """Refuse, before anything is done, what would learn from rewards that are not
    there."""
    if not without:
        return
    from oer_pipeline.common.loading import load_class
    from oer_pipeline.learners.bases.protocol import Base
    from oer_pipeline.learners.protocol import Learner

    learner, selector = chosen["learner"], chosen["selector"]
    base = learner["base"]
    if load_class(base["class"], Base).needs_rewards:
        name = base["name"]
        raise ConfigurationError(
            f"learner.base is {name!r}; {_asks(without)}: clone them by learner.base=bc"
        )
    if load_class(learner["class"], Learner).needs_rewards:
        name = learner["name"]
        raise ConfigurationError(
            f"learner.name is {name!r}; {_asks(without)}: choose another learner"
        )
    if selector is not None and _selector_needs_rewards(selector):
        name = selector["name"]
        raise ConfigurationError(
            f"selector is {name!r}; {_asks(without)}: choose another selector"
        )


def _judged_without(
    without: str, selectors: Mapping[str, Any], asked: bool
) -> dict[str, Any]:
    """The selectors to judge that do without rewards: one that was asked for and does
    not is refused."""
    needing = [
        name for name, entry in selectors.items() if _selector_needs_rewards(entry)
    ]
    if asked and needing:
        raise ConfigurationError(
            f"judging.selectors: {needing[0]!r}: {_asks(without)}: leave it out"
        )
    return {name: entry for name, entry in selectors.items() if name not in needing}


def _asks(without: str) -> str:
    return f"it asks for rewards, and the data of {without}, have none"


def _selector_needs_rewards(selector: Mapping[str, Any]) -> bool:
    from oer_pipeline.common.loading import load_class
    from oer_pipeline.selection.protocol import Selector

    return load_class(selector["class"], Selector).needs_rewards  # type: ignore[type-abstract]


def _check_classes(chosen: Mapping[str, Any]) -> None:
    """Refuse a class that cannot be loaded, or is of another kind, before anything is
    done.

    Of the classes that the run uses alone. Those of this package are looked up without
    importing them, which would bring torch along; somebody else's are imported and
    made.
    """
    from oer_pipeline.common.loading import build

    learner, selector = chosen["learner"], chosen["selector"]
    entries = {"learners": learner, "bases": learner["base"], "selectors": selector}
    for group, entry in entries.items():
        if entry is None:
            continue
        if own_module(entry["class"]):
            check_own(f"{group}.{entry['name']}", group, entry["class"])
        elif group == "learners":
            from oer_pipeline.learners.configured import configured

            configured(entry)
        elif group == "bases":
            from oer_pipeline.learners.bases.protocol import Base

            build(entry["class"], Base, entry["options"])
        else:
            from oer_pipeline.selection.protocol import Selector

            build(entry["class"], Selector, entry["options"])  # type: ignore[type-abstract]


def _changed(preset: Mapping[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    """What a run changes of its preset, as far as names tell it."""
    return {
        k: v
        for k, v in _differences(preset, merged)
        if k.split(".")[0] not in NOT_IN_NAMES
    }


def _of_cells(changed: Mapping[str, Any]) -> dict[str, Any]:
    """What the folders above a cell's do not tell."""
    return {
        k: v
        for k, v in changed.items()
        if k.split(".")[0] not in (*DATA_SCOPE, *MODEL_SCOPE)
    }


def _of_learner(
    changed: Mapping[str, Any], learner: Mapping[str, Any]
) -> dict[str, Any]:
    """Without the options of learners and bases that are not in force."""
    in_force = {"learners": learner["name"], "bases": learner["base"]}
    kept = {}
    for name, value in changed.items():
        group, *rest = name.split(".")
        if group not in in_force or rest[0] == in_force[group]:
            kept[name] = value
    return kept


def _merged(
    method: str,
    base: Mapping[str, Any],
    runtime: Mapping[str, Any],
    methods: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A method's preset on the base parameters, and that with the runtime parameters on
    top."""
    preset = deepcopy(dict(base))
    _update(preset, methods[method], f"method {method}")
    merged = deepcopy(preset)
    _update(merged, runtime, "parameter")
    return preset, merged


def _cell_folder(
    method: str,
    base: Mapping[str, Any],
    runtime: Mapping[str, Any],
    methods: Mapping[str, Mapping[str, Any]],
) -> str:
    """A method's folder in this run: what is changed of its own preset, but for what
    the folders above it tell."""
    preset, merged = _merged(method, base, runtime, methods)
    return _folder_name(
        method, _of_learner(_of_cells(_changed(preset, merged)), merged["learner"])
    )


def _comparison_folder(base: Mapping[str, Any], runtime: Mapping[str, Any]) -> str:
    """A comparison's folder: what is changed of the defaults for all of its cells, and
    which they are."""
    defaults, merged = _merged("", base, runtime, {"": {}})
    changed = _of_cells(_changed(defaults, merged))
    if merged["compare"] != defaults["compare"]:
        changed["compare"] = merged["compare"]
    return _folder_name("comparison", changed)


def _known(what: str, value: Any, known: Collection[str]) -> str:
    if value not in known:
        raise UnknownNameError(
            f"unknown {what} {value!r}; {choices(known, str(value))}", str(value)
        )
    return str(value)


def _method(given: Any, methods: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """The preset's name; of something else that has the name, how a method takes it."""
    places = {
        "learners": "learner.name",
        "bases": "learner.base",
        "selectors": "selector",
    }
    for group, parameter in places.items():
        if given not in methods and given in base[group]:
            how = f"it is one of the {group}: give a method and {parameter}={given}"
            raise UnknownNameError(f"unknown method {given!r}; {how}", str(given))
    return _known("method", given, methods)


def with_learners(
    methods: Mapping[str, Any], learners: Mapping[str, Any]
) -> dict[str, Any]:
    """The presets, and for every learner that none of them names one of its own
    name."""
    named = {
        (preset or {}).get("learner", {}).get("name") for preset in methods.values()
    }
    own = {name: {"learner": {"name": name}} for name in learners if name not in named}
    return {**own, **methods}


def _quality(given: Any, asked_for: bool, suite: Suite, tasks: tuple[Task, ...]) -> str:
    """The quality in force; a suite whose tasks are all imported has just one."""
    if not all(task.source for task in tasks):
        return _collected_quality(_known("quality", given, QUALITIES), suite)
    if asked_for and given != IMPORTED:
        raise ConfigurationError(
            f"quality is {given!r}; the data of suite {suite.name} are imported: leave"
            " it out"
        )
    return IMPORTED


def _collected_quality(quality: str, suite: Suite) -> str:
    """The quality, which has to mean something where the suite's family has its
    behaviours."""
    kinds = set(kinds_of(suite.family))
    possible = [name for name, needed in QUALITIES.items() if kinds.issuperset(needed)]
    if quality not in possible:
        why = (
            f"the behaviours of suite {suite.name} are scripts, of which no training"
            " was kept"
        )
        raise ConfigurationError(
            f"quality is {quality!r}; {why}: {choices(possible, quality)}"
        )
    return quality


def _untrained(
    quality: str, tasks: tuple[Task, ...], behaviours: Path
) -> frozenset[str]:
    """Of a quality that nobody trained has to act for, the tasks that have no behaviour
    file."""
    if QUALITIES.get(quality) != ("random",):
        return frozenset()
    collected = [task for task in tasks if task.source is None]
    paths = {
        task.name: behaviour_path(task.family, task.key, behaviours)
        for task in collected
    }
    return frozenset(name for name, path in paths.items() if not path.is_file())


def _elsewhere(
    parameters: Mapping[str, Any], suite: Suite, learned: tuple[Task, ...]
) -> Elsewhere | None:
    """The tasks on which the evaluation pipeline runs the stored policy besides its own
    ones."""
    given = parameters["elsewhere"]
    if given["tasks"] is None:
        return None
    every = suite.sequence(len(suite.tasks), parameters["order_seed"])
    numbers = _numbers(
        "elsewhere.tasks",
        given["tasks"],
        "a range 1-5, numbers 2+4, or a YAML list of numbers",
    )
    wrong = [n for n in numbers if not 1 <= n <= len(every)]
    if wrong:
        raise ConfigurationError(
            f"elsewhere.tasks are {numbers}; suite {suite.name} has tasks 1 to"
            f" {len(every)}"
        )
    after = len(learned) if given["after"] is None else given["after"]
    if parameters["chosen"]["learner"]["together"] and after != len(learned):
        name = parameters["learner"]["name"]
        raise ConfigurationError(
            f"elsewhere.after is {after!r}; learner {name} learns all tasks at once:"
            " leave it out"
        )
    if (
        isinstance(after, bool)
        or not isinstance(after, int)
        or not 1 <= after <= len(learned)
    ):
        raise ConfigurationError(
            f"elsewhere.after is {after!r}; this cell learns tasks 1 to {len(learned)}"
        )
    return Elsewhere(tuple(every[n - 1] for n in numbers), after)


def _chosen(parameters: Mapping[str, Any], tasks: int) -> dict[str, Any]:
    """The learner and the selector in force, with what decides the DAG's shape.

    `tasks`: how many the run has.
    """
    name = _known("learner", parameters["learner"]["name"], parameters["learners"])
    base = _base(parameters["learner"]["base"], parameters["bases"])
    both = _learner(name, parameters["learners"], tasks)
    learner, first = ({**told, "base": base} for told in both)
    chosen = _selector(
        _known("selector", parameters["selector"], parameters["selectors"]),
        parameters["selectors"],
    )
    return {
        "learner": learner,
        "first_learner": first,
        "selector": chosen if learner["replays"] else None,
    }


def _judging(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the judging pipeline compares: sizes as numbers, and `{name: selector}` in
    the order given."""
    given, known = parameters["judging"], parameters["selectors"]
    sizes = list(
        _numbers(
            "judging.sizes", given["sizes"], "numbers 30+300, or a YAML list of them"
        )
    )
    for size in sizes:
        whole("judging.sizes: a size", size, 1, MOST_ROWS)
    if given["shown"] not in sizes:
        raise ConfigurationError(
            f"judging.shown is {given['shown']!r}; it has to be one of judging.sizes,"
            f" {sizes}"
        )
    names = (
        given["selectors"]
        if isinstance(given["selectors"], list)
        else str(given["selectors"]).split("+")
    )
    chosen = {
        name: _selector(_known("judging.selectors", name, known), known)
        for name in names
    }
    return {"sizes": sizes, "shown": given["shown"]}, chosen


def _learner(
    name: str,
    known: Mapping[str, Any],
    tasks: int = 1,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`{name, class, replays, together, options}` of a learner, and the same as the
    first task is told it.

    Without the options that act from the second task on (`later`), so that their values
    share what the first one makes. An option `tasks` that is null becomes the number of
    tasks of the run.
    """
    entry = _entry("learners", name, known)
    path = entry.pop("class")
    fixed = {"name": name, "class": path}
    for flag in ("replays", "together"):
        if flag in entry:
            wrong = f"learners.{name}.{flag} is {entry[flag]!r}"
            right = f"leave it out, the class says {flag} = True where it is so"
            raise ConfigurationError(f"{wrong}; {right} ({path})")
        fixed[flag] = class_says(path, flag)
    later = entry.pop("later", [])
    entry.pop("tuned", None)  # which option tuning is about; grids read it
    if "tasks" in entry:
        entry["tasks"] = _enough(f"learners.{name}.tasks", entry["tasks"], tasks)
    for option in later:
        _known(f"option in learners.{name}.later", option, entry)
    first = {option: value for option, value in entry.items() if option not in later}
    return {**fixed, "options": entry}, {**fixed, "options": first}


def _enough(name: str, given: Any, tasks: int) -> int:
    """How many tasks a learner is to expect: those of the run, unless more are
    given."""
    if given is None:
        return tasks
    whole(name, given, tasks, MOST_NUMBERS)
    return int(given)


def _base(name: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """`{name, class, options}` of a base learner."""
    entry = _entry("bases", _known("learner.base", name, known), known)
    return {"name": name, "class": entry.pop("class"), "options": entry}


def _selector(name: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """`{name, class, uses_model, options}` of a selector."""
    entry = _entry("selectors", name, known)
    uses_model = _flag(f"selectors.{name}", "uses_model", entry)
    fixed = {"name": name, "class": entry.pop("class"), "uses_model": uses_model}
    return {**fixed, "options": entry}


def _entry(group: str, name: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of what the configuration says of one learner, base or selector."""
    given = known[name]
    if not isinstance(given, Mapping) or "class" not in given:
        form = "it takes a group with class: package.module:Class and its options"
        raise ConfigurationError(f"{group}.{name} is {given!r}; {form}")
    return dict(given)


def _flag(where: str, flag: str, entry: dict[str, Any]) -> bool:
    """Take true or false out of an entry; false where it is left out."""
    value = entry.pop(flag, False)
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where}.{flag} is {value!r}; it takes true or false")
    return value


def _update(
    target: dict[str, Any], changes: Mapping[str, Any], where: str, path: str = ""
) -> None:
    """Deep update in place; a name that `target` lacks, or a value of another type, is
    an error."""
    for key, value in changes.items():
        name = f"{path}{key}"
        if key not in target:
            known = choices((f"{path}{k}" for k in target), name)
            raise UnknownNameError(f"unknown {where} {name!r}; {known}", str(key))
        if isinstance(target[key], dict):
            if not isinstance(value, Mapping):
                raise ConfigurationError(
                    f"{where} {name} is {value!r}; it is a group of"
                    f" {sorted(target[key])}"
                )
            _update(target[key], value, where, f"{name}.")
        else:
            target[key] = _of_type(value, target[key], f"{where} {name}", name)


def _of_type(value: Any, like: Any, where: str, name: str) -> Any:
    """`value`, which has to be of the type of `like`; whole numbers serve as floats."""
    if (
        isinstance(like, float)
        and isinstance(value, int)
        and not isinstance(value, bool)
    ):
        return float(value)
    if value is None and name.endswith(OR_NULL):
        return value
    if name in WIDTHS and isinstance(value, str | int):
        return _widths(where, value)
    if name in LISTS or like is None or type(value) is type(like):
        return value
    raise ConfigurationError(
        f"{where} is {value!r}; it takes a {type(like).__name__}, such as {like!r}"
    )


def _widths(where: str, value: str | int) -> list[int]:
    """Widths of hidden layers from `256+256`."""
    parts = str(value).split("+")
    if not all(_is_number(part) for part in parts):
        raise ConfigurationError(
            f"{where} is {value!r}; it takes widths, such as 256+256"
        )
    return [int(part) for part in parts]


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in new.items():
        if isinstance(value, Mapping):
            yield from _differences(old[key], value, f"{path}{key}.")
        elif value != old[key]:
            yield f"{path}{key}", value


def _folder_name(stem: str, changed: Mapping[str, Any]) -> str:
    suffix = "-".join(f"{key}={value}" for key, value in sorted(changed.items()))
    if len(suffix) > LONGEST_NAME or not all(
        c.isalnum() or c in "-=._+" for c in suffix
    ):
        suffix = hashlib.sha256(suffix.encode()).hexdigest()[:10]
    return f"{stem}-{suffix}" if suffix else stem
