"""Work that is done again and again as a tape of kernels: on a CPU what a CUDA graph is
on a GPU.

The work runs once and every kernel is written down with the tensors that it read and
wrote. Playing the tape runs the kernels again on the same memory, without the program
around them: no shapes to work out, no autograd, no allocation. The same kernels on the
same values give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from oer_pipeline.networks.capture import torch_internals
from oer_pipeline.networks.capture.errors import NotReplayableError
from oer_pipeline.networks.capture.torch_internals import (
    mapped,
    storage,
    tagged,
    tensors,
)
from oer_pipeline.networks.products import ask_onednn, library_in_use, onednn_asked

EMPTY = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}
"""What only asks for memory."""
KIND = {"dtype", "layout", "device", "pin_memory"}

Result = TypeVar("Result")
Work = Callable[[], Result]


def tape_capture(work: Work[Result]) -> Work[Result]:
    """`work` as a tape of kernels; performs it once.

    Raises:
        NotReplayableError: see `Tape`; or this torch lacks what a tape takes from it.
    """
    replay = taped(work)
    replay()
    return replay


def taped(work: Work[Result]) -> Work[Result]:
    """`work`, performed and recorded by the first call and played by all others, with
    the results in the same tensors.

    It has to depend on tensors alone and to change them in place: what it keeps
    elsewhere than in its results stays what the first call made it. While it is
    recorded, all that it makes is kept.

    Raises, at the first call:
        NotReplayableError: see `Tape`; or this torch lacks what a tape takes from it.
    """
    recorded: tuple[Callable[[], None], Result] | None = None

    def perform() -> Result:
        nonlocal recorded
        if recorded is None:
            torch_internals.check()
            library_in_use()  # asks for values, the first time
            with _NoValues(), Tape() as tape:
                result = work()
            recorded = tape.player(result), result
        else:
            play, _ = recorded
            play()
        return recorded[1]

    return perform


class _NoValues(TorchFunctionMode):
    """Refuses what hands values out without a kernel."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Any = (),
        kwargs: Any = None,
    ) -> Any:
        if func in (Tensor.numpy, Tensor.tolist, Tensor.__array__):
            raise NotReplayableError("the work asks for a tensor's values")
        return func(*args, **(kwargs or {}))


class _Call(NamedTuple):
    kernel: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    creates: bool  # its results, instead of writing into arguments
    onednn: bool  # whether float32 products went to oneDNN

    def tensors(self) -> list[Tensor]:
        return tensors((self.args, self.kwargs, self.result))

    def created(self) -> list[Tensor]:
        return tensors(self.result) if self.creates else []


class Tape:
    """Records, as a context, what the program computes in it.

    Raises, in the context:
        NotReplayableError: the program asks for a value, brings one from outside of
            torch, draws random numbers, makes a tensor whose shape depends on values,
            changes a shape in place, or computes with complex numbers.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._mode: AbstractContextManager[Any] = torch_internals.intercepting(
            self.record
        )

    def __enter__(self) -> Tape:
        self._mode.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._mode.__exit__(*error)

    def record(
        self,
        kernel: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Perform a kernel and write it down."""
        _refuse(kernel, args)
        result = kernel(*args, **kwargs)
        before = {storage(tensor) for tensor in tensors((args, kwargs))}
        after = {storage(tensor) for tensor in tensors(result)}
        writes = not after or torch_internals.writes(kernel)
        is_view = not writes and not before.isdisjoint(after)
        if is_view:  # the same memory, already there when the tape is played
            return result
        call = _Call(
            kernel,
            args,
            kwargs,
            result,
            creates=not writes,
            onednn=onednn_asked(),
        )
        self._calls.append(call)
        return result

    def calls(self, results: Any) -> list[tuple[Any, Any, Any]]:
        """What a replay calls, with which arguments: kernels on planned memory, and the
        choice of products' library."""
        return list(_played(self._calls, _memory(self._calls, results)))

    def player(self, results: Any) -> Callable[[], None]:
        """Runs the recorded kernels again; the tensors of `results` then hold what they
        came to."""
        calls = self.calls(results)

        @torch.no_grad()
        def play() -> None:
            try:
                for kernel, args, kwargs in calls:
                    kernel(*args, **kwargs)
            finally:
                ask_onednn(False)

        return play


def _refuse(kernel: Any, args: Any) -> None:
    """Refuse a kernel that a replay would not repeat.

    Raises:
        NotReplayableError: see `Tape`.
    """
    overload = str(kernel)
    if tagged(kernel, "data_dependent_output"):
        raise NotReplayableError(f"the work asks for a tensor's values ({kernel})")
    if overload == "aten.lift_fresh.default":
        raise NotReplayableError("the work brings a value from outside of torch")
    if tagged(kernel, "nondeterministic_seeded"):
        raise NotReplayableError(f"the work draws random numbers ({kernel})")
    by_numbers = overload == "aten.index.Tensor" and not _has_masks(args[1])
    if tagged(kernel, "dynamic_output_shape") and not by_numbers:
        raise NotReplayableError(
            f"the work makes a tensor whose shape depends on values ({kernel})"
        )
    if tagged(kernel, "inplace_view") and overload != "aten.detach_.default":
        raise NotReplayableError(
            f"the work changes the shape of a tensor in place ({kernel})"
        )
    if any(tensor.is_complex() for tensor in tensors(args)):
        raise NotReplayableError(f"the work computes with complex numbers ({kernel})")


def _has_masks(index: Any) -> bool:
    """Whether rows are picked by a mask instead of their numbers."""
    masks = (torch.bool, torch.uint8)
    return any(tensor.dtype in masks for tensor in tensors(index))


def _memory(calls: list[_Call], results: Any) -> dict[int, Tensor]:
    """Bytes in the place of every storage that is created on the way and is no result.

    What is not needed any more is used again, the last to be freed first: it is still
    in the processor's cache.
    """
    last_use: dict[int, int] = {}
    for number, call in enumerate(calls):
        for tensor in call.tensors():
            last_use[storage(tensor)] = number
    lasting = {storage(tensor) for tensor in tensors(results)}
    places: dict[int, Tensor] = {}
    free: list[Tensor] = []
    for number, call in enumerate(calls):
        for tensor in call.created():
            key = storage(tensor)
            if key not in places and key not in lasting:
                places[key] = _take(free, tensor.untyped_storage().nbytes())
        used = dict.fromkeys(storage(tensor) for tensor in call.tensors())
        for key in used:
            if key in places and last_use[key] == number:
                free.append(places[key])
    return places


def _take(free: list[Tensor], size: int) -> Tensor:
    """Memory for `size` bytes: of what is free, or new."""
    for k in reversed(range(len(free))):
        if size <= len(free[k]) <= 2 * size:
            return free.pop(k)
    return torch.empty(size, dtype=torch.uint8)


def _played(
    calls: list[_Call], memory: dict[int, Tensor]
) -> Iterator[tuple[Any, Any, Any]]:
    """Kernel and arguments of each call, to run on `memory`."""

    def there(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        place = memory.get(storage(value))
        if place is None:
            return value.detach()
        return value.new_empty(0).set_(
            place.untyped_storage(),
            value.storage_offset(),
            value.size(),
            value.stride(),
        )

    asked = False
    for call in calls:
        if call.onednn != asked:
            asked = call.onednn
            yield ask_onednn, (asked,), {}
        args, kwargs, result = mapped(there, (call.args, call.kwargs, call.result))
        if not call.creates:
            yield call.kernel, args, kwargs
        elif torch_internals.name(call.kernel) not in EMPTY:
            yield _into(
                call.kernel,
                args,
                kwargs,
                tensors(result),
            )


def _into(
    kernel: Any,
    args: Any,
    kwargs: Any,
    results: list[Tensor],
) -> tuple[Any, Any, Any]:
    """The call with its results written into those of the recording."""
    variant = _out_variant(kernel)
    # else some results are not there
    if variant is not None and len(results) == len(variant.places):
        further = dict(zip(variant.places, results, strict=True))
        for name, value in kwargs.items():
            if name in variant.arguments:
                further[name] = value
        return variant.kernel, args, further

    def copied() -> None:
        anew = tensors(kernel(*args, **kwargs))
        for old, new in zip(results, anew, strict=True):
            old.copy_(new)

    return copied, (), {}


class _OutVariant(NamedTuple):
    """An overload that writes its results into arguments."""

    kernel: Any
    places: list[str]  # arguments that say where
    arguments: set[str]  # all others


@cache
def _out_variant(kernel: Any) -> _OutVariant | None:
    """The overload that takes the same arguments and where to put each result.

    What kind of tensor to make may be left out of the same arguments: where to put it
    says so.
    """
    results = torch_internals.results(kernel)
    if any(kind != "Tensor" for kind in results):
        return None
    wanted = torch_internals.arguments(kernel)
    without_kind = {name: kind for name, kind in wanted.items() if name not in KIND}
    for overload in torch_internals.overloads(kernel):
        places = list(torch_internals.arguments(overload, places=True))
        others = torch_internals.arguments(overload)
        same = others in (wanted, without_kind)
        if same and places and len(places) == len(results):
            return _OutVariant(overload, places, set(others))
    return None
