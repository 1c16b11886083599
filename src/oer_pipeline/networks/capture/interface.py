"""Work captured once and replayed: as a CUDA graph on a GPU, as a tape of kernels on a
CPU.

The work has to depend on tensors alone, to change them in place and to leave its
results in tensors; a replay reads and writes the same memory. What cannot be captured
runs as it is, which is slower and gives the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from oer_pipeline.networks.capture.cuda_graph import cuda_capture
from oer_pipeline.networks.capture.errors import NotReplayableError
from oer_pipeline.networks.capture.tape import tape_capture

logger = logging.getLogger(__name__)

CLOSE = 1e-5
"""How far a replay on a GPU may be from the work itself, absolutely and relatively."""

Result = TypeVar("Result")
Work = Callable[[], Result]


def captured(
    work: Work[Result],
    state: Sequence[Tensor],
    device: torch.device,
    what: str,
) -> Work[Result] | None:
    """A replay of `work`, which leaves its results in the same tensors each time; None,
    and one line in the log, where it cannot be replayed.

    Args:
        work: is performed meanwhile.
        state: every tensor that the work changes; as before afterwards.
        device: where the work is done.
        what: the work, for the log, such as "updates".
    """
    before = [tensor.clone() for tensor in state]
    capture = cuda_capture if device.type == "cuda" else tape_capture
    try:
        return capture(work)
    except NotReplayableError as error:
        logger.info("%s are not replayed: %s", what, error)
        return None
    finally:
        _put_back(state, before)


def differences(
    work: Work[Mapping[str, Tensor]],
    replay: Work[Mapping[str, Tensor]],
    state: Mapping[str, Tensor],
    exact: bool,
) -> list[str]:
    """The names of results and state that a replay gives other values.

    Both begin where `state` is now, and leave it so. They are performed once if the
    bits have to be the same (on a CPU), twice if they have to be `CLOSE` (on a GPU).

    Args:
        work: gives its results by name and changes `state`.
        replay: of that work.
        state: all that the work changes, by name.
        exact: whether the bits have to be the same (on a CPU), or just `CLOSE` (on a
            GPU).
    """
    performed = _outcome(work, state, exact)
    replayed = _outcome(replay, state, exact)
    same = _same_bits if exact else _close
    different = []
    for name in dict.fromkeys([*performed, *replayed]):
        if not same(performed.get(name), replayed.get(name)):
            different.append(name)
    return different


def _outcome(
    work: Work[Mapping[str, Tensor]], state: Mapping[str, Tensor], exact: bool
) -> dict[str, Tensor]:
    """Copies of the results and of the state afterwards."""
    before = [tensor.clone() for tensor in state.values()]
    try:
        results = work()
        if not exact:
            results = work()
        outcome = {name: tensor.clone() for name, tensor in results.items()}
        for name, tensor in state.items():
            outcome[name] = tensor.clone()
        return outcome
    finally:
        _put_back(list(state.values()), before)


def _put_back(state: Sequence[Tensor], before: Sequence[Tensor]) -> None:
    for tensor, old in zip(state, before, strict=True):
        tensor.copy_(old)


def _same_bits(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return False
    bytes_of_one = one.reshape(-1).view(torch.uint8)
    bytes_of_other = other.reshape(-1).view(torch.uint8)
    return bytes_of_one.equal(bytes_of_other)


def _close(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether two tensors of numbers are `CLOSE`; other kinds have to be equal."""
    if one is None or other is None or not one.is_floating_point():
        return _same_bits(one, other)
    return torch.allclose(one, other, rtol=CLOSE, atol=CLOSE, equal_nan=True)
