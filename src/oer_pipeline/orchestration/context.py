"""The Kedro context: resolves the plan before pipelines and catalog are read, so that
both follow it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from attrs import define, field
from kedro.config import MissingConfigException, OmegaConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.project import pipelines, settings
from kedro.utils import find_kedro_project
from yaml import YAMLError, safe_load

from oer_pipeline.common import plugins
from oer_pipeline.common.errors import ConfigurationError, UnknownNameError, choices
from oer_pipeline.orchestration import fingerprints as provenance
from oer_pipeline.orchestration import plan as plans
from oer_pipeline.orchestration.plan import Plan

REGISTRY = "oer_pipeline.pipeline_registry"
_in_force: Plan | None = None


def plan_in_force() -> Plan:
    """The plan of the newest context; without one (`kedro registry list`), that of the
    bare configuration."""
    if _in_force is not None:
        return _in_force
    return _configuration(
        _loader(find_kedro_project(Path.cwd()) or Path.cwd(), None)
    ).plan({})


def plans_of(runs: Sequence[str], env: str | None) -> list[Plan]:
    """The plans of several runs, each as `kedro run --params` gets it.

    Raises:
        ConfigurationError: whatever `kedro run` would refuse.
    """
    configured = configuration_of(env)
    return [configured.plan(parameters_of(run)) for run in runs]


def configuration_of(env: str | None) -> Configuration:
    """What the files of the project in the working directory say.

    Raises:
        ConfigurationError: an unknown environment, or a file that is no YAML.
    """
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(Path.cwd())
    _check_environment(Path.cwd() / "conf", env or "local")
    return _configuration(_loader(Path.cwd(), env))


def tuned_of(env: str | None) -> dict[str, Any]:
    """What tuning chose for the environment, `{method: {"parameters": {...},
    "provenance": {...}}}`."""
    return _tuned(_loader(Path.cwd(), env))


def behaviours_of(env: str | None) -> dict[str, Any]:
    """How behaviour policies are trained, `{family: {algorithm, settings}}`.

    Raises:
        ConfigurationError: an unknown environment.
    """
    return dict(loader_of(env, {})["behaviours"] or {})


def loader_of(env: str | None, runtime: Mapping[str, Any]) -> OmegaConfigLoader:
    """Kedro's reader of the configuration of the project in the working directory.

    Raises:
        ConfigurationError: an unknown environment.
    """
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(Path.cwd())
    _check_environment(Path.cwd() / "conf", env or "local")
    loader = _loader(Path.cwd(), env)
    loader.runtime_params = dict(runtime)
    return loader


def parameters_of(text: str) -> dict[str, Any]:
    """`a=1,b.c=x` as `kedro run --params` reads it."""
    import click
    from kedro.framework.cli.project import run

    [option] = [p for p in run.params if p.name == "params"]
    return dict(option.process_value(click.Context(run), text))


def data_root(env: str | None) -> str:
    """Where an environment keeps its data: environments other than the default keep
    theirs apart."""
    return "data" if env in (None, "base", "local") else f"data/{env}"


def _put_in_force(plan: Plan) -> None:
    """Make `plan` the one that pipelines follow; Kedro caches pipelines per process, so
    they are read afresh."""
    global _in_force
    if plan != _in_force:
        _in_force = plan
        pipelines.configure(REGISTRY)


class Configuration(NamedTuple):
    """The files' parameters, suites and methods, read once for any number of plans.

    `presets` are the methods without what tuning chose.
    """

    parameters: Mapping[str, Any]
    suites: Mapping[str, Any]
    methods: Mapping[str, Any]
    presets: Mapping[str, Any]
    project: Path
    source: Path
    environment: str

    def plan(self, runtime: Mapping[str, Any]) -> Plan:
        """The plan with runtime parameters on top.

        Raises:
            ConfigurationError: as `plan.resolve`; of a name that `conf/local` alone
                has, that this environment does not read it.
        """
        try:
            return self._resolved(runtime)
        except UnknownNameError as error:
            file = (
                None
                if self.environment == "local"
                else _file_with(self.source / "local", error.name)
            )
            if file is None:
                raise
            unread = (
                f"--env={self.environment} does not read {file}, which has it; move it"
                " to conf/base"
            )
            raise ConfigurationError(f"{error}; {unread}") from error

    def _resolved(self, runtime: Mapping[str, Any]) -> Plan:
        return plans.resolve(
            self.parameters, runtime, self.suites, self.methods, self.project
        )


def _configuration(loader: OmegaConfigLoader) -> Configuration:
    """Parameters as the files have them: the plan itself tells what the command line
    changed.

    Raises:
        ConfigurationError: a file that is no YAML.
    """
    if plugins.use(_project(loader)):
        provenance.forget()
    given, loader.runtime_params = loader.runtime_params, {}
    try:
        parameters = loader["parameters"]
        presets = plans.with_learners(loader["methods"], parameters["learners"])
        methods = with_tuned(presets, _tuned(loader))
        source, environment = Path(loader.conf_source), loader.env or "local"
        return Configuration(
            parameters,
            loader["suites"],
            methods,
            presets,
            _project(loader),
            source,
            environment,
        )
    except YAMLError as error:
        raise ConfigurationError(str(error)) from error
    finally:
        loader.runtime_params = given


def _project(loader: OmegaConfigLoader) -> Path:
    """The folder beside whose `conf` everything else lies."""
    return Path(loader.conf_source).absolute().parent


def _loader(project: Path, env: str | None) -> OmegaConfigLoader:
    return OmegaConfigLoader(
        str(project / "conf"), env=env, **settings.CONFIG_LOADER_ARGS
    )


def _file_with(folder: Path, name: str) -> str | None:
    """The file of a folder of configuration that has `name` as a key, anywhere; None
    where none has."""
    for path in sorted(folder.rglob("*.yml")):
        try:
            content = safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, YAMLError):
            continue
        if _has_key(content, name):
            return f"{folder.parent.name}/{path.relative_to(folder.parent).as_posix()}"
    return None


def _has_key(content: Any, name: str) -> bool:
    if not isinstance(content, Mapping):
        return False
    return name in content or any(_has_key(value, name) for value in content.values())


def _check_environment(source: Path, environment: str) -> None:
    known = [p.name for p in source.iterdir() if p.is_dir()]
    if environment == "local" and "local" not in known:
        raise ConfigurationError(
            f"{source}/local is missing; make the folder, it may be empty"
        )
    if environment not in known:
        raise ConfigurationError(
            f"unknown environment {environment!r}; {choices(known, environment)}"
        )


def with_tuned(methods: Mapping[str, Any], tuned: Mapping[str, Any]) -> dict[str, Any]:
    """The presets with what tuning chose, `{method: {"parameters": {...}, "provenance":
    {...}}}`, on top.

    Raises:
        ConfigurationError: an unknown method, or one without `parameters`.
    """
    merged = deepcopy(dict(methods))
    for name, found in tuned.items():
        if name not in merged:
            raise ConfigurationError(
                f"unknown method {name!r} in tuned.yml; {choices(merged, name)}"
            )
        if not isinstance(found, Mapping) or not isinstance(
            found.get("parameters"), Mapping
        ):
            raise ConfigurationError(
                f"tuned.yml: {name} is {found!r}; it takes a group `parameters`"
            )
        merged[name] = _on_top(merged[name], found["parameters"])
    return merged


def _on_top(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        k: _on_top(below[k], v)
        for k, v in above.items()
        if isinstance(v, Mapping) and k in below
    }
    return {**below, **above, **both}


def _tuned(loader: OmegaConfigLoader) -> dict[str, Any]:
    """What tuning chose; a project that tuned nothing may lack the file."""
    try:
        return dict(loader["tuned"] or {})
    except MissingConfigException:
        return {}


@define(slots=False)
class PlanContext(KedroContext):
    """A context with a `plan`; parameters, paths and pipelines follow it."""

    plan: Plan = field(init=False)

    def __attrs_post_init__(self) -> None:
        loader: Any = self.config_loader
        environment = self.env or "local"
        _check_environment(Path(loader.conf_source), environment)
        self.plan = _configuration(loader).plan(self._runtime_params or {})
        _put_in_force(self.plan)
        loader["parameters"] = dict(self.plan.parameters)
        loader["globals"] = self._globals(environment)

    def _globals(self, environment: str) -> dict[str, Any]:
        """What paths in the catalog are made of."""
        plan = self.plan
        return {
            "data": data_root(environment),
            # Quoted: Kedro takes braces for patterns, and makes what is called `path`
            # absolute.
            "sequence": quote(json.dumps(plan.parameters["sequence"])),
            "elsewhere": plan.elsewhere.name if plan.elsewhere else "",
            "suite": plan.suite_folder,
            "quality_name": plan.quality,
            "quality": plan.quality_folder,
            "cell": plan.cell,
            "comparison": plan.comparison_folder,
            "seeds": list(plan.seeds),
            "checkpoint_seconds": plan.parameters["checkpoint_seconds"],
            "experiment": "/".join(
                (
                    *data_root(environment).split("/")[1:],
                    plan.suite_folder,
                    plan.quality_folder,
                )
            ),
            "project": self.project_path.as_posix(),
        }
