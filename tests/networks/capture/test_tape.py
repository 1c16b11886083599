"""The tape of kernels: what it holds, plays, refuses and how it shares memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from oer_pipeline.networks.capture.errors import NotReplayableError
from oer_pipeline.networks.capture.tape import Tape, _memory, taped


def test_the_first_call_performs_the_work_once() -> None:
    x = torch.zeros(3)
    replay = taped(lambda: x.add_(1.0))
    sums = []
    for _ in range(3):
        replay()
        sums.append(x.sum().item())
    assert sums == [3.0, 6.0, 9.0]


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda values: values.sum().item(), "asks for a tensor's values"),
        (lambda values: values.tolist(), "asks for a tensor's values"),
        (lambda values: values.numpy(), "asks for a tensor's values"),
        (lambda values: values.equal(values), "asks for a tensor's values"),
        (lambda values: (values.view(2, 2) + 1.0).t_(), "shape of a tensor in place"),
        (lambda values: torch.view_as_complex(values.view(2, 2)) * 2.0, "complex"),
        (
            lambda values: torch.ops.aten.index(values, [(values > 1).byte()]),
            "depends on values",
        ),
        (lambda values: values + torch.tensor([1.0]), "from outside of torch"),
        (lambda values: values + torch.rand(4), "draws random numbers"),
        (lambda values: values[values > 1], "depends on values"),
    ],
)
def test_it_refuses_what_would_not_change_when_played(
    work: Callable[[Tensor], object], message: str
) -> None:
    values = torch.arange(4.0)
    with pytest.raises(NotReplayableError, match=message):
        taped(lambda: work(values))()


def test_it_plays_on_the_values_of_the_moment() -> None:
    """Views, results in place, lists, several results, rows by number, a backward pass,
    a kernel without `out`."""
    x, state = torch.randn(6, 4), torch.zeros(4)
    weight = torch.randn(4, 4, requires_grad=True)

    def work() -> list[dict[str, Tensor]]:
        hidden = (x @ weight).relu()
        [gradient] = torch.autograd.grad(hidden.square().sum(), [weight])
        largest, where = hidden.max(dim=1)
        torch._foreach_add_([state], [gradient.mT[:, 1]])
        counts = (where.unsqueeze(1) == torch.arange(4)).cumsum(0)[-1]
        return [{"largest": largest, "counts": counts, "row": hidden[where % 2]}]

    replay = taped(work)
    replay()
    for _ in range(3):
        x.normal_()
        before = state.clone()
        [wanted] = work()
        after = state.clone()
        state.copy_(before)
        [found] = replay()
        assert state.equal(after)
        assert not state.equal(before)
        assert {
            name: tensor.equal(wanted[name]) for name, tensor in found.items()
        } == dict.fromkeys(wanted, True)


def test_lists_of_results_and_results_that_are_not_there() -> None:
    x, weight, bias = (
        torch.randn(3, 4),
        torch.ones(4, requires_grad=True),
        torch.zeros(4),
    )

    def work() -> list[Tensor]:
        normed = torch.nn.functional.layer_norm(
            x, [4], weight, bias
        )  # its backward leaves two gradients out
        return [
            *torch._foreach_mul([x, bias], 2.0),
            *torch.autograd.grad(normed.square().sum(), [weight]),
        ]

    replay = taped(work)
    replay()
    x.normal_()
    wanted = [tensor.clone() for tensor in work()]
    assert all(
        found.equal(other) for found, other in zip(replay(), wanted, strict=True)
    )


def test_memory_is_used_again_once_its_values_are_not_needed() -> None:
    x = torch.ones(1_000)
    with Tape() as tape:
        y = x
        for _ in range(10):
            y = y + 1.0
        views = y.view(10, 100)[3]
        z = y * 2.0
        result = views.sum() + z.sum()
    places = _memory(tape._calls, [result])
    sizes = {id(place): len(place) for place in places.values()}
    assert (
        sum(size == 4_000 for size in sizes.values()) == 2
    )  # a kernel never writes to what it reads
    tape.player([result])()
    assert result.item() == 11 * 100 + 22 * 1_000


def test_what_shares_memory_without_saying_so_is_a_view() -> None:
    x, y = torch.ones(2, 6), torch.zeros(12)
    replay = taped(lambda: y.add_(torch.ops.aten._unsafe_view(x, [12])).sum())
    assert [replay().item() for _ in range(3)] == [12.0, 24.0, 36.0]
    assert x.eq(1.0).all()


def test_results_lie_in_memory_of_their_own() -> None:
    x = torch.ones(64)

    def work() -> list[dict[str, Tensor]]:
        return [{"a": x + 1.0, "b": (x + 2.0)[3:]}, {"a": x + 3.0}]

    replay = taped(work)
    replay()
    x.fill_(10.0)
    first, second = replay()
    assert [first["a"][0].item(), first["b"][0].item(), second["a"][0].item()] == [
        11.0,
        12.0,
        13.0,
    ]
