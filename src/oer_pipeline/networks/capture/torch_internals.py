"""What the tape takes from torch that torch does not promise to keep, and nobody else
here uses.

A version of torch that lacks some of it is refused by `check`, and work runs as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from oer_pipeline.common.errors import one_line
from oer_pipeline.networks.capture.errors import NotReplayableError

TAGS = (
    "data_dependent_output",
    "dynamic_output_shape",
    "inplace_view",
    "nondeterministic_seeded",
)
"""What torch says of kernels, as far as the tape asks."""

Handle = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""Performs a kernel on its arguments and returns its result."""


def check() -> None:
    """Use everything of this module once.

    Raises:
        NotReplayableError: this torch lacks some of it.
    """
    kernels: list[Any] = []

    def perform(kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        kernels.append(kernel)
        return kernel(*args, **kwargs)

    try:
        ones = torch.ones(2)
        with intercepting(perform):
            torch.neg(ones)
        [kernel] = kernels
        name(kernel)
        for tag in TAGS:
            tagged(kernel, tag)
        writes(kernel)
        arguments(kernel)
        results(kernel)
        overloads(kernel)
        storage(ones)
        tensors(mapped(Tensor.detach, [ones]))
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        lacks = f"torch {torch.__version__} lacks what a tape takes from it"
        raise NotReplayableError(f"{lacks} ({one_line(error)})") from error


def intercepting(handle: Handle) -> AbstractContextManager[Any]:
    """A context in which `handle` gets every kernel in the place of torch."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            # nothing here is compiled, and to be sure of it torch would import its
            # compiler: a second
            return False

        def __torch_dispatch__(
            self,
            func: Any,
            types: Any,
            args: Any = (),
            kwargs: Any = None,
        ) -> Any:
            return handle(func, args, kwargs or {})

    mode: AbstractContextManager[Any] = Mode()  # type: ignore[no-untyped-call]
    return mode


def tensors(tree: Any) -> list[Tensor]:
    """The tensors in nested lists, tuples and dictionaries."""
    from torch.utils._pytree import tree_leaves

    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same nested lists, tuples and dictionaries of a function's values."""
    from torch.utils._pytree import tree_map

    return tree_map(function, tree)


def storage(tensor: Tensor) -> int:
    """A number that tensors have in common which share memory."""
    return int(tensor.untyped_storage()._cdata)


def name(kernel: Any) -> str:
    """What a kernel is called, without its overload: `add`."""
    return str(kernel.overloadpacket.__name__)


def tagged(kernel: Any, tag: str) -> bool:
    """Whether torch says so of a kernel; see `TAGS`."""
    return getattr(torch.Tag, tag) in kernel.tags


def writes(kernel: Any) -> bool:
    """Whether a kernel's results are arguments that it has changed."""
    for result in kernel._schema.returns:
        if result.alias_info and result.alias_info.is_write:
            return True
    return False


def arguments(kernel: Any, places: bool = False) -> dict[str, str]:
    """Names and types of a kernel's arguments; of `places` for results, or without
    them."""
    types = {}
    for argument in kernel._schema.arguments:
        if argument.is_out == places:
            types[argument.name] = str(argument.type)
    return types


def results(kernel: Any) -> list[str]:
    """Types of a kernel's results."""
    return [str(result.type) for result in kernel._schema.returns]


def overloads(kernel: Any) -> list[Any]:
    """A kernel's overloads, itself among them."""
    packet = kernel.overloadpacket
    return [getattr(packet, overload) for overload in packet.overloads()]
