"""What files of configuration have to hold, whatever a run then chooses of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.orchestration.folders import DATA_SCOPE, MODEL_SCOPE
from oer_pipeline.orchestration.names import check_names

WHOLE = (int,)
NUMBER = (float, int)
TEXT = (str,)
FLAG = (bool,)
GROUP = (Mapping,)
NUMBERS = (str, int, list)
"""`0-2`, `0+3`, or a list."""
NONE = type(None)

NEEDED: Mapping[str, tuple[type, ...]] = {
    "suite": TEXT,
    "tasks": WHOLE,
    "order_seed": (*WHOLE, NONE),
    "quality": TEXT,
    "method": TEXT,
    "seeds": NUMBERS,
    "data_seed": WHOLE,
    "accelerator": TEXT,
    "graphs": FLAG,
    "precision": TEXT,
    "checkpoint_seconds": NUMBER,
    "force": FLAG,
    "compare": (str, list),
    "collection.transitions": WHOLE,
    "collection.reference_episodes": WHOLE,
    "dynamics.hidden": (list,),
    "learner.name": TEXT,
    "learner.base": TEXT,
    "learner.hidden": (list,),
    "learner.updates": WHOLE,
    "learner.batch_size": WHOLE,
    "replay.size": WHOLE,
    "replay.target_action": TEXT,
    "selector": TEXT,
    "evaluation.episodes": WHOLE,
    "judging.selectors": (str, list),
    "judging.sizes": NUMBERS,
    "judging.shown": WHOLE,
    "transfer_evaluation.tasks": (*NUMBERS, NONE),
    "transfer_evaluation.after": (*WHOLE, NONE),
    "learners": GROUP,
    "bases": GROUP,
    "selectors": GROUP,
}
"""Parameters that every run reads, and their kinds."""
KINDS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    list: "a list",
    Mapping: "a group",
    NONE: "null",
}


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that lack something, or have it of another kind.

    Raises:
        ConfigurationError: names it.
    """
    _check_texts("parameters", parameters)
    for name, kinds in NEEDED.items():
        _check_kind(f"parameter {name}", _value(name, parameters), kinds)
    _check_settings(parameters)
    check_names("learner", parameters["learners"])
    check_names("base", parameters["bases"])
    check_names("selector", parameters["selectors"])


def check_suites(suites: Any) -> None:
    """Refuse suites whose names are none; what a suite says is checked where it is
    used.

    Raises:
        ConfigurationError: names the first that is wrong.
    """
    _check_texts("suites", suites)
    check_names("suite", suites)


def check_methods(methods: Any) -> None:
    """Refuse presets that are none.

    Args:
        methods: as methods.yml has them, of any type.

    Raises:
        ConfigurationError: names the first that is wrong.
    """
    _check_texts("methods", methods)
    check_names("method", methods)
    for name, preset in methods.items():
        changes = {} if preset is None else preset
        _check_kind(f"method {name}", changes, GROUP)
        for group in ("learner", "learners"):
            _check_kind(f"method {name}, {group}", changes.get(group, {}), GROUP)
        for learner, options in changes.get("learners", {}).items():
            _check_kind(f"method {name}, learners.{learner}", options, GROUP)
        for group in (*DATA_SCOPE, *MODEL_SCOPE):
            if group in changes:
                raise ConfigurationError(
                    f"method {name}: {group} is of data or transition models, which"
                    " methods share; give it by --params or in parameters.yml"
                )


def _check_texts(where: str, value: Any) -> None:
    """Refuse groups with a name that is no text, such as a number."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise ConfigurationError(
                    f'{where}: the name {name!r} is no text; write "{name}"'
                )
            _check_texts(f"{where}, {name}", inner)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(where, inner)


def _value(name: str, parameters: Mapping[str, Any]) -> Any:
    value: Any = parameters
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise ConfigurationError(
                f"parameter {name} is missing; conf/base/parameters.yml has it"
            )
        value = value[part]
    return value


def _check_kind(where: str, value: Any, kinds: tuple[type, ...]) -> None:
    is_flag = isinstance(value, bool)
    if isinstance(value, kinds) and (not is_flag or bool in kinds):
        return
    wanted = " or ".join(KINDS[kind] for kind in kinds)
    raise ConfigurationError(f"{where} is {value!r}; it takes {wanted}")


def _check_settings(parameters: Mapping[str, Any]) -> None:
    """Refuse settings that learners or transition models do not have."""
    from oer_pipeline.dynamics.settings import DynamicsSettings
    from oer_pipeline.learners.settings import LearnerSettings

    for group, kind in (("learner", LearnerSettings), ("dynamics", DynamicsSettings)):
        known = [f"{group}.{field.name}" for field in fields(kind)]
        for setting in parameters[group]:
            name = f"{group}.{setting}"
            if name not in known:
                raise ConfigurationError(
                    f"unknown parameter {name}; {choices(known, name)}"
                )
