"""Flat parameters and their Adam, against the same done tensor by tensor and network by
network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from oer_pipeline.networks.flat import ALIGNMENT, Adam, FlatParameters, differentiate
from oer_pipeline.networks.stacked import Parameters, init_mlp, mlp, take_members

SIZES = (5, 13, 1)  # nothing about them is a multiple of ALIGNMENT


def parameters(members: int = 3, seed: int = 0) -> Parameters:
    return init_mlp(
        SIZES, [torch.Generator().manual_seed(seed + m) for m in range(members)]
    )


def batches(members: int, steps: int) -> Tensor:
    return torch.randn(
        steps, members, 11, SIZES[0], generator=torch.Generator().manual_seed(9)
    )


def descend(loss: Tensor, *optimised: tuple[FlatParameters, Adam]) -> None:
    differentiate([loss], [flat for flat, _ in optimised])
    for _, adam in optimised:
        adam.step()


def test_views_hold_the_values_and_share_the_buffer() -> None:
    given = parameters()
    flat = FlatParameters(given)
    assert all(flat.views[name].equal(p) for name, p in given.items())
    flat.buffer.add_(1.0)
    assert all(flat.views[name].equal(p + 1.0) for name, p in given.items())
    assert all(p.requires_grad and p.is_leaf for p in flat.views.values())
    assert all(
        flat.constants[name].data_ptr() == view.data_ptr()
        for name, view in flat.views.items()
    )


def test_every_part_starts_on_whole_vectors_and_padding_stays_zero() -> None:
    flat = FlatParameters(parameters())
    starts = [view.storage_offset() for view in flat.views.values()]
    assert all(start % ALIGNMENT == 0 for start in starts)
    assert flat.buffer.shape[1] % ALIGNMENT == 0
    assert flat.size == 5 * 13 + 13 + 13 * 1 + 1
    adam = Adam(flat, 0.1)
    for x in batches(3, 3):
        descend(mlp(flat.views, x).square().mean(), (flat, adam))
    used = torch.zeros_like(flat.buffer, dtype=torch.bool)
    for view, start in zip(flat.views.values(), starts, strict=True):
        used[:, start : start + view[0].numel()] = True
    assert used[0].sum() == flat.size
    for padded in (
        flat.buffer,
        flat.gradient,
        adam.state["mean"],
        adam.state["square"],
    ):
        assert (padded[~used] == 0).all()


def test_flatten_lays_gradients_out_as_the_views_are() -> None:
    flat = FlatParameters(parameters())
    gradients = [torch.randn(view.shape) for view in flat.views.values()]
    laid_out = flat.flatten(gradients)
    parts = flat.unflatten(laid_out)
    assert list(parts) == list(flat.views)
    assert all(part.equal(g) for part, g in zip(parts.values(), gradients, strict=True))
    assert all(
        part.stride() == flat.views[name].stride() for name, part in parts.items()
    )
    flat.buffer.copy_(laid_out)
    assert all(
        view.equal(g) for view, g in zip(flat.views.values(), gradients, strict=True)
    )


def test_collected_gradients_lie_as_the_views_do_and_leave_the_padding() -> None:
    flat = FlatParameters(parameters())
    gradients = [torch.randn(view.shape) for view in flat.views.values()]
    flat.gradient.fill_(7.0)
    flat.collect(gradients)
    assert all(
        p.equal(g)
        for p, g in zip(flat.unflatten(flat.gradient).values(), gradients, strict=True)
    )
    assert (flat.gradient == 7.0).sum() == 3 * (flat.buffer.shape[1] - flat.size)


def test_unflattened_parts_share_memory() -> None:
    flat = FlatParameters(parameters())
    values = torch.zeros_like(flat.buffer)
    flat.unflatten(values)["1.bias"].add_(2.0)
    assert values.sum() == 2.0 * 3 * 1


def test_gradients_are_autograds_for_each_network() -> None:
    flat, other, unused = (
        FlatParameters(parameters(seed=seed)) for seed in (0, 10, 20)
    )
    for network in (flat, other, unused):
        network.gradient.fill_(5.0)  # what was there goes
    x = batches(3, 1)[0]

    def loss() -> Tensor:
        return (
            (mlp(flat.views, x) * mlp(other.views, x)).square().mean(dim=(1, 2)).sum()
        )

    differentiate([loss()], [flat, unused, other])
    wanted = torch.autograd.grad(loss(), [*flat.views.values(), *other.views.values()])
    found = [
        *flat.unflatten(flat.gradient).values(),
        *other.unflatten(other.gradient).values(),
    ]
    assert all(f.equal(w) for f, w in zip(found, wanted, strict=True))
    assert all((part == 0).all() for part in unused.unflatten(unused.gradient).values())


def test_polyak_is_that_of_each_tensor() -> None:
    target, online = (
        FlatParameters(parameters(seed=0)),
        FlatParameters(parameters(seed=10)),
    )
    wanted = {n: 0.7 * target.views[n] + 0.3 * online.views[n] for n in target.views}
    kept = online.buffer.clone()
    target.polyak_(online, 0.3)
    for name, tensor in wanted.items():
        torch.testing.assert_close(target.views[name], tensor, atol=1e-7, rtol=0)
    assert online.buffer.equal(kept)


def test_a_copy_is_independent() -> None:
    flat = FlatParameters(parameters())
    copy, kept = flat.copy(), flat.buffer.clone()
    flat.buffer.zero_()
    assert copy.buffer.equal(kept)


def test_adam_is_torchs_own_run_network_by_network() -> None:
    given = parameters(members=3)
    flat, other = FlatParameters(given), FlatParameters(parameters(members=3, seed=20))
    adam, another = Adam(flat, 1e-2), Adam(other, 1e-2)
    lone = [
        [p.clone().requires_grad_() for p in take_members(given, [m]).values()]
        for m in range(3)
    ]
    optimisers = [
        torch.optim.Adam(p, lr=1e-2, fused=False, foreach=False) for p in lone
    ]
    for x in batches(3, 20):
        in_company = mlp(other.views, x).square().sum()
        loss = (mlp(flat.views, x) - 1).square().mean(dim=(1, 2)).sum() + in_company
        descend(loss, (flat, adam), (other, another))
        for m, optimiser in enumerate(optimisers):
            optimiser.zero_grad()
            (
                mlp(dict(zip(given, lone[m], strict=True)), x[m : m + 1]) - 1
            ).square().mean().backward()
            optimiser.step()
    for m in range(3):
        for view, tensor in zip(flat.views.values(), lone[m], strict=True):
            torch.testing.assert_close(view[m : m + 1], tensor, atol=1e-6, rtol=0)


def test_adam_is_bit_for_bit_the_same_for_a_member_alone_and_among_others() -> None:
    data = batches(3, 10)

    def trained(members: list[int]) -> Tensor:
        flat = FlatParameters(take_members(parameters(), members))
        adam = Adam(flat, 1e-2)
        for x in data[:, members]:
            descend(mlp(flat.views, x).square().mean(dim=(1, 2)).sum(), (flat, adam))
        return flat.buffer

    together = trained([0, 1, 2])
    for member in range(3):
        assert trained([member])[0].equal(together[member])


def test_adam_goes_on_from_a_copied_state() -> None:
    flat, again = FlatParameters(parameters()), FlatParameters(parameters(seed=30))
    adam, resumed = Adam(flat, 1e-2), Adam(again, 1e-2)
    first, second = batches(3, 2)
    descend(mlp(flat.views, first).square().mean(), (flat, adam))
    again.buffer.copy_(flat.buffer)
    for name, tensor in adam.state.items():
        resumed.state[name].copy_(tensor)
    for network in ((flat, adam), (again, resumed)):
        descend(mlp(network[0].views, second).square().mean(), network)
    assert again.buffer.equal(flat.buffer)


def test_adam_restarted_steps_as_one_that_is_new() -> None:
    flat, (first, *rest) = FlatParameters(parameters()), batches(3, 3)
    adam = Adam(flat, 0.1)
    kept = adam.state["mean"]
    descend(mlp(flat.views, first).square().sum(), (flat, adam))
    adam.restart()
    assert adam.state["mean"] is kept  # in place: a graph may hold it
    twin = FlatParameters(flat.constants)
    new = Adam(twin, 0.1)
    for x in rest:
        descend(mlp(flat.views, x).square().sum(), (flat, adam))
        descend(mlp(twin.views, x).square().sum(), (twin, new))
    assert flat.buffer.equal(twin.buffer)


def test_adam_learns_at_the_rate_it_is_given() -> None:
    flat = FlatParameters(parameters())
    before = flat.buffer.clone()
    descend(mlp(flat.views, batches(3, 1)[0]).sum(), (flat, Adam(flat, 0.03)))
    assert (flat.buffer - before).abs().max().item() == pytest.approx(
        0.03, rel=1e-3
    )  # its first step is the rate


def test_what_the_loss_does_not_reach_stays_where_it_is() -> None:
    used, unused = (
        FlatParameters(parameters(seed=0)),
        FlatParameters(parameters(seed=1)),
    )
    kept = unused.buffer.clone()
    loss = mlp(used.views, batches(3, 1)[0]).square().mean()
    descend(loss, (used, Adam(used, 0.1)), (unused, Adam(unused, 0.1)))
    assert unused.buffer.equal(kept)
