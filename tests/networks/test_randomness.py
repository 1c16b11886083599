"""Generators: a function of purpose, seed and task, and of nothing else."""

from __future__ import annotations

from itertools import product

import torch

from oer_pipeline.networks.randomness import generator, generators


def first(draws: torch.Generator) -> tuple[float, ...]:
    return tuple(torch.rand(4, generator=draws).tolist())


def test_the_same_key_gives_the_same_stream_whatever_happened_before() -> None:
    before = first(generator("batch", 3, 2))
    torch.manual_seed(123)
    first(generator("batch", 4, 2))
    assert first(generator("batch", 3, 2)) == before


def test_no_two_keys_share_a_stream() -> None:
    keys = list(
        product(("batch", "replay", "policy"), (0, 1, 2, 10, 12), (1, 2, 11, 21))
    )
    assert len({first(generator(*key)) for key in keys}) == len(keys)


def test_streams_of_neighbouring_seeds_are_uncorrelated() -> None:
    draws = torch.stack(
        [
            torch.randn(20_000, generator=generator("batch", seed, 1))
            for seed in range(6)
        ]
    )
    off_diagonal = torch.corrcoef(draws) - torch.eye(6)
    assert off_diagonal.abs().max() < 0.04


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first(generator("batch", 0, 1))
    assert torch.get_rng_state().equal(state)


def test_one_generator_a_seed() -> None:
    assert [first(g) for g in generators("policy", [5, 0], 2)] == [
        first(generator("policy", s, 2)) for s in (5, 0)
    ]
