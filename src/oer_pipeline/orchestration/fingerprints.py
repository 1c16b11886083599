"""The fingerprint of an artefact, a hash of what makes it: code, libraries, parameters,
and the contents of the inputs.

The runner records it beside every file, and a training's checkpoint names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from oer_pipeline.common.digest import digest
from oer_pipeline.orchestration.libraries import families_in, libraries_used
from oer_pipeline.orchestration.processor import float32_products
from oer_pipeline.orchestration.source_code import code_hash, modules_used

PRODUCTS = "oer_pipeline.networks.products"


@dataclass(frozen=True)
class Recipe:
    """What makes an artefact.

    Attributes:
        code: a hash of it.
        libraries: name -> version.
        parameters: name -> a hash of its value.
        inputs: name -> owner -> the content's hash.
        seed: whose it is; empty for what all seeds share.
        products: which library computes float32 products on this machine; empty where
            the code computes none. The bits differ.

    The parameter `accelerator` counts as what it comes to here: `auto` is `gpu` or
    `cpu`.
    """

    code: str
    libraries: Mapping[str, str]
    parameters: Mapping[str, str]
    inputs: Mapping[str, Mapping[str, str]]
    seed: str = ""
    products: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all of it."""
        return digest(vars(self))

    def recorded(self) -> dict[str, Any]:
        """What a record says of it, so that a change can be named; inputs it names with
        their files."""
        facts = dict(vars(self))
        del facts["inputs"]
        return facts


def recipe(
    function: Callable[..., Any],
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Mapping[str, str]],
    seed: str = "",
    code: tuple[str, ...] = (),
) -> Recipe:
    """The recipe of what `function` makes.

    Args:
        function: a node's.
        parameters: its own, by the names of the node's inputs.
        inputs: name -> owner -> the content's hash.
        seed: whose it is.
        code: dotted paths `module:Class` of what its parameters name, and of what
            reads its inputs and writes its results.
    """
    computes = PRODUCTS in modules_used(function, code)
    return Recipe(
        code=code_hash(function, code),
        libraries=libraries_used(function, code, families_in(parameters)),
        parameters=digests_of(parameters),
        inputs=inputs,
        seed=seed,
        products=float32_products() if computes else "",
    )


def digests_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """A function's parameters, as recipes keep them: name -> hash of the value in
    force."""
    return {name: digest(_in_force(name, value)) for name, value in parameters.items()}


def _in_force(name: str, value: Any) -> Any:
    """A parameter with the accelerator that `auto` is on this machine."""
    if name == "params:accelerator":
        return accelerator_in_force(value)
    if isinstance(value, Mapping) and "accelerator" in value:
        return {**value, "accelerator": accelerator_in_force(value["accelerator"])}
    return value


def accelerator_in_force(asked: str) -> str:
    """What `auto` comes to on this machine, `gpu` or `cpu`; anything else is what it
    is."""
    if asked != "auto":
        return asked
    from torch import cuda

    return "gpu" if cuda.is_available() else "cpu"
