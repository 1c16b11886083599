"""Work that is done again and again as a tape of kernels: on a CPU what a CUDA graph is
on a GPU.

The work runs once and every kernel is written down with the tensors that it read and
wrote. Playing the tape runs the kernels again on the same memory, without the program
around them: no shapes to work out, no autograd, no allocation. The same kernels on the
same values give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from oer_pipeline.common.errors import OERError
from oer_pipeline.networks.products import ask_onednn, onednn_asked, path

EMPTY = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}
"""What only asks for memory."""
KIND = {"dtype", "layout", "device", "pin_memory"}

Result = TypeVar("Result")


class NotTapeableError(OERError):
    """The work does what a recording cannot hold."""


def taped(work: Callable[[], Result]) -> Callable[[], Result]:
    """`work`, performed and recorded by the first call and played by all others, with
    the results in the same tensors.

    It has to depend on tensors alone and to change them in place: what it keeps
    elsewhere than in its results stays what the first call made it. While it is
    recorded, all that it makes is kept.

    Raises, at the first call:
        NotTapeableError: see `Tape`.
    """
    recorded: tuple[Callable[[], None], Result] | None = None

    def perform() -> Result:
        nonlocal recorded
        if recorded is None:
            path()  # asks for values, the first time
            with _NoValues(), Tape() as tape:
                result = work()
            recorded = tape.player(result), result
        else:
            recorded[0]()
        return recorded[1]

    return perform


class _NoValues(TorchFunctionMode):
    """Refuses what hands values out without a kernel."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func in (Tensor.numpy, Tensor.tolist, Tensor.__array__):
            raise NotTapeableError("the work asks for a tensor's values")
        return func(*args, **(kwargs or {}))


class _Call(NamedTuple):
    kernel: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    creates: bool  # its results, instead of writing where it is told
    onednn: bool  # whether float32 products went to oneDNN

    def tensors(self) -> list[Tensor]:
        return _tensors((self.args, self.kwargs, self.result))

    def created(self) -> list[Tensor]:
        return _tensors(self.result) if self.creates else []


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records, as a context, what the program computes in it.

    Raises, in the context:
        NotTapeableError: the program asks for a value, brings one from outside of
            torch, draws random numbers, makes a tensor whose shape depends on values,
            changes a shape in place, or computes with complex numbers.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._calls: list[_Call] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # nothing here is compiled, and to be sure of it torch would import its
        # compiler: a second
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self._refuse(func, args)
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        given = {_storage(tensor) for tensor in _tensors((args, kwargs))}
        found = {_storage(tensor) for tensor in _tensors(result)}
        writes = not found or any(
            r.alias_info and r.alias_info.is_write for r in func._schema.returns
        )
        if writes or given.isdisjoint(found):
            self._calls.append(
                _Call(
                    func,
                    args,
                    kwargs,
                    result,
                    creates=not writes,
                    onednn=onednn_asked(),
                )
            )
        # else a view: the same memory, already there when the tape is played
        return result

    def _refuse(self, func: Any, args: Any) -> None:
        by_numbers = func is torch.ops.aten.index.Tensor and not any(
            t.dtype in (torch.bool, torch.uint8) for t in _tensors(args[1])
        )
        if torch.Tag.data_dependent_output in func.tags:
            raise NotTapeableError(f"the work asks for a tensor's values ({func})")
        if func is torch.ops.aten.lift_fresh.default:
            raise NotTapeableError("the work brings a value from outside of torch")
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise NotTapeableError(f"the work draws random numbers ({func})")
        if torch.Tag.dynamic_output_shape in func.tags and not by_numbers:
            raise NotTapeableError(
                f"the work makes a tensor whose shape depends on values ({func})"
            )
        if (
            torch.Tag.inplace_view in func.tags
            and func is not torch.ops.aten.detach_.default
        ):
            raise NotTapeableError(
                f"the work changes the shape of a tensor in place ({func})"
            )
        if any(t.is_complex() for t in _tensors(args)):
            raise NotTapeableError(f"the work computes with complex numbers ({func})")

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


def _memory(calls: list[_Call], results: Any) -> dict[int, Tensor]:
    """Bytes in the place of every storage that is created on the way and is no result.

    What is not needed any more is used again, the last to be freed first: it is still
    in the processor's cache.
    """
    last_use = {
        _storage(tensor): i for i, call in enumerate(calls) for tensor in call.tensors()
    }
    lasting = {_storage(tensor) for tensor in _tensors(results)}
    places: dict[int, Tensor] = {}
    free: list[Tensor] = []
    for i, call in enumerate(calls):
        for tensor in call.created():
            if (storage := _storage(tensor)) not in places and storage not in lasting:
                places[storage] = _taken(free, tensor.untyped_storage().nbytes())
        used = dict.fromkeys(map(_storage, call.tensors()))
        free += [
            places[storage]
            for storage in used
            if last_use[storage] == i and storage in places
        ]
    return places


def _taken(free: list[Tensor], size: int) -> Tensor:
    for k in reversed(range(len(free))):
        if size <= len(free[k]) <= 2 * size:
            return free.pop(k)
    return torch.empty(size, dtype=torch.uint8)


def _played(
    calls: list[_Call], memory: dict[int, Tensor]
) -> Iterable[tuple[Any, Any, Any]]:
    """Kernel and arguments of each call, to run on `memory`."""

    def there(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if (place := memory.get(_storage(value))) is None:
            return value.detach()
        here = value.new_empty(0)
        return here.set_(
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
        args, kwargs, result = tree_map(there, (call.args, call.kwargs, call.result))
        if not call.creates:
            yield call.kernel, args, kwargs
        elif call.kernel.overloadpacket.__name__ not in EMPTY:
            yield _into(call.kernel, args, kwargs, result)


def _into(kernel: Any, args: Any, kwargs: Any, result: Any) -> tuple[Any, Any, Any]:
    """The call with its results written into those of the recording."""
    variant, found = _out_variant(kernel), _tensors(result)
    if variant is not None and len(found) == len(
        variant[1]
    ):  # else some results are not there
        out, names, options = variant
        places = dict(zip(names, found, strict=True))
        return (
            out,
            args,
            {name: kwargs[name] for name in options & kwargs.keys()} | places,
        )

    def copied() -> None:
        for old, new in zip(found, _tensors(kernel(*args, **kwargs)), strict=True):
            old.copy_(new)

    return copied, (), {}


@cache
def _out_variant(kernel: Any) -> tuple[Any, list[str], set[str]] | None:
    """The overload that takes the same arguments and where to put each result; these
    arguments' names, all others'.

    What kind of tensor to make may be left out of the same arguments: where to put it
    says so.
    """
    if any(str(returned.type) != "Tensor" for returned in kernel._schema.returns):
        return None
    wanted = {a.name: str(a.type) for a in kernel._schema.arguments}
    for name in kernel.overloadpacket.overloads():
        overload = getattr(kernel.overloadpacket, name)
        arguments = overload._schema.arguments
        outs = [a.name for a in arguments if a.is_out]
        others = {a.name: str(a.type) for a in arguments if not a.is_out}
        same = others in (
            wanted,
            {name: kind for name, kind in wanted.items() if name not in KIND},
        )
        if same and outs and len(outs) == len(kernel._schema.returns):
            return overload, outs, set(others)
    return None


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
