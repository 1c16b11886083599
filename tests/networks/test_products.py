"""Matrix products: which library computes them, how exactly, and a member alone and
among others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from oer_pipeline.networks import products
from oer_pipeline.networks.capture.tape import taped
from oer_pipeline.networks.products import (
    aligned,
    error_in_roundings,
    library_in_use,
    onednn,
    onednn_asked,
)

SHAPES = [
    (256, 256, 256),  # rows, inner dimension, columns: layers of default and paper size
    (256, 26, 256),
    (1_024, 256, 6),
    (256, 200, 42),
    (32, 20, 128),  # an evaluation's block
    (16, 13, 11),  # nothing fills a vector register
    (256, 256, 1),  # with a vector
    (1, 256, 256),
    (256, 1, 256),
]


@pytest.fixture(params=["onednn", "torch"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either library, as far as this processor may use it."""
    if request.param == "onednn" and library_in_use() != "onednn":
        pytest.skip("oneDNN is refused on this processor")
    monkeypatch.setattr(products, "library_in_use", lambda: request.param)
    return str(request.param)


@pytest.fixture
def fresh() -> Iterator[None]:
    """The library is found out anew, before and after the test."""
    library_in_use.cache_clear()
    yield
    library_in_use.cache_clear()


def matrices(
    members: int, rows: int, inner: int, columns: int
) -> tuple[Tensor, Tensor, Tensor]:
    """a, b and a bias, each member's on whole vector registers, as activations and
    parameters are."""
    draws = torch.Generator().manual_seed(rows + inner + columns)
    found = []
    for shape in ((rows, inner), (inner, columns), (1, columns)):
        given = torch.randn(members, *shape, generator=draws)
        found.append(aligned(given, *shape).copy_(given))
    return found[0], found[1], found[2]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("shape", SHAPES)
def test_products_are_float32s(shape: tuple[int, int, int]) -> None:
    a, b, bias = matrices(3, *shape)
    with_bias = products.products(a, b, bias)
    alone = products.products(a, b)
    into = products.products(a, b, out_MRC=aligned(a, shape[0], shape[2]))
    assert into.equal(alone)
    for member in range(3):
        assert error_in_roundings(alone[member], a[member], b[member]) < 1.0
        torch.testing.assert_close(
            with_bias[member], alone[member] + bias[member], atol=1e-4, rtol=1e-5
        )


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("shape", SHAPES)
def test_a_members_product_is_the_same_alone_and_among_others(
    shape: tuple[int, int, int],
) -> None:
    """Of transposed matrices too, as a backward pass multiplies them."""
    a, b, bias = matrices(5, *shape)
    gradient = products.products(a, b)
    works: list[Callable[[list[int]], Tensor]] = [
        lambda members: products.products(a[members], b[members], bias[members]),
        lambda members: products.products(a[members].mT, gradient[members]),
        lambda members: products.products(gradient[members], b[members].mT),
    ]
    for work in works:
        together = work([0, 1, 2, 3, 4])
        for members in ([0], [4], [1, 3], [4, 2, 0]):
            assert work(members).equal(together[members])


def rounded(kept: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Products of numbers of which so many bits of the fraction are kept, as a
    processor's short formats do."""

    def cut(x: Tensor) -> Tensor:
        return (x.view(torch.int32) & -(1 << (23 - kept))).view(torch.float32)

    return lambda a, b: cut(a.contiguous()) @ cut(b.contiguous())


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("kept", [7, 10], ids=["bfloat16", "tf32"])
def test_onednn_is_refused_where_it_rounds(
    kept: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(products, "by_onednn", rounded(kept))
    with caplog.at_level(logging.INFO, logger=products.__name__):
        assert library_in_use() == library_in_use() == "torch"
    [line] = caplog.messages
    assert line.startswith(
        "float32 products: torch's own, because oneDNN's 256 x 256 x 256 errs by "
    )


@pytest.mark.usefixtures("fresh")
def test_onednn_is_refused_where_a_product_is_not_finite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "by_onednn", lambda a, b: a @ b / 0.0)
    assert library_in_use() == "torch"


@pytest.mark.usefixtures("fresh")
def test_a_narrow_head_alone_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short = rounded(7)
    monkeypatch.setattr(
        products, "by_onednn", lambda a, b: short(a, b) if b.shape[1] == 6 else a @ b
    )
    assert library_in_use() == "torch"


@pytest.mark.usefixtures("fresh")
def test_onednn_is_used_where_it_is_exact_and_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(products, "by_onednn", torch.matmul)
    with caplog.at_level(logging.INFO, logger=products.__name__):
        assert library_in_use() == library_in_use() == "onednn"
    assert caplog.messages == [
        "float32 products: oneDNN, as exact as float32 (checked against float64)"
    ]


@pytest.mark.usefixtures("fresh")
def test_without_onednn_torchs_own_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert library_in_use() == "torch"


def asked_while(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]
) -> list[bool]:
    """What oneDNN was told while `work` ran."""
    told: list[bool] = []
    ask = products.ask_onednn

    def noting(wanted: bool) -> None:
        told.append(wanted)
        ask(wanted)

    with monkeypatch.context() as patched:
        patched.setattr(products, "ask_onednn", noting)
        work()
    return told


def test_wide_products_alone_go_to_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "library_in_use", lambda: "onednn")
    wide, small, vector = (
        matrices(2, 256, 256, 256),
        matrices(2, 32, 20, 128),
        matrices(2, 8_192, 256, 1),
    )
    assert asked_while(monkeypatch, lambda: products.products(*wide)) == [True, False]
    assert asked_while(
        monkeypatch, lambda: products.product(wide[0][0], wide[1][0])
    ) == [True, False]
    assert asked_while(monkeypatch, lambda: products.products(*small)) == []
    assert asked_while(monkeypatch, lambda: products.products(*vector)) == []
    double = products.product(wide[0][0].double(), wide[1][0].double())
    assert double.equal(wide[0][0].double() @ wide[1][0].double())
    monkeypatch.setattr(products, "library_in_use", lambda: "torch")
    assert asked_while(monkeypatch, lambda: products.products(*wide)) == []


def test_torchs_setting_is_as_before_after_a_product_an_error_and_a_replay() -> None:
    """While it is set, torch's older functions for precision raise."""
    a, b, bias = matrices(2, 256, 256, 256)
    products.products(a, b, bias)
    torch.get_float32_matmul_precision()
    with pytest.raises(RuntimeError), onednn():
        torch.mm(a[0], bias[0])
    torch.get_float32_matmul_precision()
    replay = taped(lambda: products.products(a, b, bias).relu_())
    for _ in range(2):
        replay()
        assert not onednn_asked()
        torch.get_float32_matmul_precision()


@pytest.mark.usefixtures("library")
def test_a_replay_uses_the_library_that_the_recording_used() -> None:
    """In turn with products that go elsewhere."""
    a, b, bias = matrices(3, 256, 256, 256)
    narrow, _, _ = matrices(3, 256, 6, 256)

    def work() -> tuple[Tensor, Tensor]:
        wide = products.products(a, b, bias)
        return wide, products.products(wide.mT, narrow)

    replay = taped(work)
    replay()
    a.add_(1.0)
    for found, wanted in zip(replay(), work(), strict=True):
        assert found.equal(wanted)
