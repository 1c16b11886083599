"""What the project's files say, and the plans that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from kedro.config import MissingConfigException
from kedro.framework.project import settings
from kedro.utils import find_kedro_project

from oer_pipeline.common import plugins
from oer_pipeline.common.errors import ConfigurationError, UnknownNameError, choices
from oer_pipeline.orchestration import source_code
from oer_pipeline.orchestration.asked import with_learners
from oer_pipeline.orchestration.config_loader import CheckedConfigLoader
from oer_pipeline.orchestration.config_schema import (
    check_methods,
    check_parameters,
    check_suites,
)
from oer_pipeline.orchestration.names import check_names
from oer_pipeline.orchestration.plan import Plan, resolve
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.orchestration.yaml_files import read_yaml

DEFAULT_ENVIRONMENT = "local"


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
            return resolve(
                self.parameters,
                runtime,
                self.suites,
                self.methods,
                self.project,
                "" if self.environment == DEFAULT_ENVIRONMENT else self.environment,
            )
        except UnknownNameError as error:
            file = self._unread_file_with(error.name)
            if file is None:
                raise
            unread = (
                f"--env={self.environment} does not read {file}, which has it; move it"
                " to conf/base"
            )
            raise ConfigurationError(f"{error}; {unread}") from error

    def _unread_file_with(self, name: str) -> str | None:
        """The file of `conf/local` that has a name, where that folder is not read."""
        if self.environment == DEFAULT_ENVIRONMENT:
            return None
        return _file_with(self.source / DEFAULT_ENVIRONMENT, name)


def configuration_of(env: str | None) -> Configuration:
    """What the files of the project in the working directory say.

    Raises:
        ConfigurationError: an unknown environment, or a file that is no YAML.
    """
    return read(loader_of(env, {}))


def plans_of(runs: Sequence[str], env: str | None) -> list[Plan]:
    """The plans of several runs, each as `kedro run --params` gets it.

    Args:
        runs: each as `kedro run --params` gets it.
        env: the environment; None for the default.

    Raises:
        ConfigurationError: whatever `kedro run` would refuse.
    """
    configured = configuration_of(env)
    return [configured.plan(parameters_of(run)) for run in runs]


def plan_of_files() -> Plan:
    """The plan without a command line, of the project around the working directory."""
    project = find_kedro_project(Path.cwd()) or Path.cwd()
    return read(_loader(project, None)).plan({})


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


def loader_of(env: str | None, runtime: Mapping[str, Any]) -> CheckedConfigLoader:
    """Kedro's reader of the configuration of the project in the working directory.

    Args:
        env: the environment; None for the default.
        runtime: parameters of the command line, nested.

    Raises:
        ConfigurationError: an unknown environment.
    """
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(Path.cwd())
    check_environment(Path.cwd() / "conf", env or DEFAULT_ENVIRONMENT)
    loader = _loader(Path.cwd(), env)
    loader.runtime_params = dict(runtime)
    return loader


def data_root(env: str | None) -> str:
    """Where an environment keeps its data: environments other than the default keep
    theirs apart."""
    return "data" if env in (None, "base", DEFAULT_ENVIRONMENT) else f"data/{env}"


def read(loader: CheckedConfigLoader) -> Configuration:
    """Parameters as the files have them: the plan itself tells what the command line
    changed.

    Args:
        loader: of the project; what it got from the command line is left aside.

    Raises:
        ConfigurationError: a file that is no YAML, or lacks what a plan is made of; a
            name that cannot be a folder's.
    """
    source = Path(loader.conf_source)
    project = loader.project
    if plugins.use(project):
        source_code.forget()
    given, loader.runtime_params = loader.runtime_params, {}
    try:
        parameters, suites, methods = _checked(loader)
        presets = with_learners(methods, parameters["learners"])
        return Configuration(
            parameters=parameters,
            suites=suites,
            methods=with_tuned(presets, _tuned(loader)),
            presets=presets,
            project=project,
            source=source,
            environment=loader.env or DEFAULT_ENVIRONMENT,
        )
    except MissingConfigException as error:
        raise ConfigurationError(" ".join(str(error).split())) from error
    finally:
        loader.runtime_params = given


def _checked(loader: CheckedConfigLoader) -> tuple[dict[str, Any], ...]:
    """Parameters, suites and methods as the files have them."""
    parameters = loader["parameters"]
    check_parameters(parameters)
    suites = loader["suites"]
    check_suites(suites)
    methods = loader["methods"]
    check_methods(methods)
    return parameters, suites, methods


def check_environment(source: Path, environment: str) -> None:
    """Refuse an environment that has no folder in `source`, or whose data would lie in
    the project's own folders."""
    check_names("environment", [environment])
    known = [path.name for path in source.iterdir() if path.is_dir()]
    if environment in known:
        return
    if environment == DEFAULT_ENVIRONMENT:
        raise ConfigurationError(
            f"{source}/local is missing; make the folder, it may be empty"
        )
    raise ConfigurationError(
        f"unknown environment {environment!r}; {choices(known, environment)}"
    )


def with_tuned(methods: Mapping[str, Any], tuned: Mapping[str, Any]) -> dict[str, Any]:
    """The presets with what tuning chose on top.

    Args:
        methods: presets by name.
        tuned: `{method: {"parameters": {...}, "provenance": {...}}}`, as tuned.yml has
            it.

    Raises:
        ConfigurationError: an unknown method, or one without `parameters`.
    """
    merged = deepcopy(dict(methods))
    for name, found in tuned.items():
        if name not in merged:
            raise ConfigurationError(
                f"unknown method {name!r} in tuned.yml; {choices(merged, name)}"
            )
        parameters = found.get("parameters") if isinstance(found, Mapping) else None
        if not isinstance(parameters, Mapping):
            raise ConfigurationError(
                f"tuned.yml: {name} is {found!r}; it takes a group `parameters`"
            )
        merged[name] = _on_top(merged[name], parameters)
    return merged


def _on_top(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Groups of both merged; of anything else what is above. Whether a value is of the
    right kind is seen where the preset is used."""
    merged = dict(below)
    for key, value in above.items():
        before = below.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            merged[key] = _on_top(before, value)
        else:
            merged[key] = value
    return merged


def _loader(project: Path, env: str | None) -> CheckedConfigLoader:
    return CheckedConfigLoader(
        str(project / "conf"), env=env, **settings.CONFIG_LOADER_ARGS
    )


def _tuned(loader: CheckedConfigLoader) -> dict[str, Any]:
    """What tuning chose; a project that tuned nothing may lack the file."""
    try:
        return dict(loader["tuned"] or {})
    except MissingConfigException:
        return {}


def _file_with(folder: Path, name: str) -> str | None:
    """The file of a folder of configuration that has `name` as a key, anywhere; None
    where none has."""
    for path in sorted(folder.rglob("*.yml")):
        try:
            content = read_yaml(path)
        except ConfigurationError:
            continue
        if _has_key(content, name):
            return f"{folder.parent.name}/{path.relative_to(folder.parent).as_posix()}"
    return None


def _has_key(content: Any, name: str) -> bool:
    if not isinstance(content, Mapping):
        return False
    return name in content or any(_has_key(value, name) for value in content.values())
