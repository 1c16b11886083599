"""Flat parameters and their Adam, against the same done tensor by tensor and network by network."""

from __future__ import annotations

import torch
from torch import Tensor

from oer_pipeline.networks.flat import ALIGNMENT, Adam, FlatParameters
from oer_pipeline.networks.stacked import Parameters, init_mlp, mlp, take_members

SIZES = (5, 13, 1)  # nothing about them is a multiple of ALIGNMENT


def parameters(members: int = 3, seed: int = 0) -> Parameters:
    return init_mlp(SIZES, [torch.Generator().manual_seed(seed + m) for m in range(members)])


def batches(members: int, steps: int) -> Tensor:
    return torch.randn(steps, members, 11, SIZES[0], generator=torch.Generator().manual_seed(9))


def test_views_hold_the_values_and_share_the_buffer() -> None:
    given = parameters()
    flat = FlatParameters(given)
    assert all(flat.views[name].equal(p) for name, p in given.items())
    flat.buffer.add_(1.0)
    assert all(flat.views[name].equal(p + 1.0) for name, p in given.items())
    assert all(p.requires_grad and p.is_leaf for p in flat.views.values())
    assert all(flat.detached()[name].data_ptr() == view.data_ptr() for name, view in flat.views.items())


def test_every_part_starts_on_whole_vectors_and_padding_stays_zero() -> None:
    flat = FlatParameters(parameters())
    starts = [view.storage_offset() for view in flat.views.values()]
    assert all(start % ALIGNMENT == 0 for start in starts)
    assert flat.buffer.shape[1] % ALIGNMENT == 0
    assert flat.size == 5 * 13 + 13 + 13 * 1 + 1
    adam = Adam([flat], 0.1)
    for x in batches(3, 3):
        adam.descend(mlp(flat.views, x).square().mean())
    used = torch.zeros_like(flat.buffer, dtype=torch.bool)
    for view, start in zip(flat.views.values(), starts, strict=True):
        used[:, start : start + view[0].numel()] = True
    assert used[0].sum() == flat.size
    assert (flat.buffer[~used] == 0).all()


def test_flatten_lays_gradients_out_as_the_views_are() -> None:
    flat = FlatParameters(parameters())
    gradients = [torch.randn(view.shape) for view in flat.views.values()]
    laid_out = flat.flatten(gradients)
    flat.buffer.copy_(laid_out)
    assert all(view.equal(g) for view, g in zip(flat.views.values(), gradients, strict=True))


def test_polyak_is_that_of_each_tensor() -> None:
    target, online = FlatParameters(parameters(seed=0)), FlatParameters(parameters(seed=10))
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
    adam = Adam([flat, other], 1e-2)
    lone = [[p.clone().requires_grad_() for p in take_members(given, [m]).values()] for m in range(3)]
    optimisers = [torch.optim.Adam(p, lr=1e-2, fused=False, foreach=False) for p in lone]
    for x in batches(3, 20):
        in_company = mlp(other.views, x).square().sum()
        adam.descend((mlp(flat.views, x) - 1).square().mean(dim=(1, 2)).sum() + in_company)
        for m, optimiser in enumerate(optimisers):
            optimiser.zero_grad()
            (mlp(dict(zip(given, lone[m], strict=True)), x[m : m + 1]) - 1).square().mean().backward()
            optimiser.step()
    for m in range(3):
        for view, tensor in zip(flat.views.values(), lone[m], strict=True):
            torch.testing.assert_close(view[m : m + 1], tensor, atol=1e-6, rtol=0)


def test_adam_is_bit_for_bit_the_same_for_a_member_alone_and_among_others() -> None:
    data = batches(3, 10)

    def trained(members: list[int]) -> Tensor:
        flat = FlatParameters(take_members(parameters(), members))
        adam = Adam([flat], 1e-2)
        for x in data[:, members]:
            adam.descend(mlp(flat.views, x).square().mean(dim=(1, 2)).sum())
        return flat.buffer

    together = trained([0, 1, 2])
    for member in range(3):
        assert trained([member])[0].equal(together[member])


def test_what_the_loss_does_not_reach_stays_where_it_is() -> None:
    used, unused = FlatParameters(parameters(seed=0)), FlatParameters(parameters(seed=1))
    kept = unused.buffer.clone()
    Adam([used, unused], 0.1).descend(mlp(used.views, batches(3, 1)[0]).square().mean())
    assert unused.buffer.equal(kept)
