"""Codecs against their documented layout, the theory of rounding, torchao, and each other's implementations."""

from __future__ import annotations

import contextlib
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.simulator.backends import codecs
from kvreplay.simulator.backends.codecs import CodecError, int8
from kvreplay.simulator.backends.layout import LayoutError, PageLayout
from tests.oracles.codecs import elements

LOSSLESS = ["none", "zstd", "blosc2"]
LOSSY = [name for name in codecs.names() if name not in LOSSLESS]
BF16 = torch.bfloat16
FLOATS = [torch.bfloat16, torch.float16, torch.float32]


def some_pages(layout: PageLayout, n: int, seed: int = 0) -> torch.Tensor:
    """Pages with channels of very different size, and some that are zero: what K looks like, only more so."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((n, *layout.shape), generator=generator)
    x *= torch.logspace(-3, 2, layout.head_dim)
    x[:, :, :, 0] = 0
    return x.to(layout.dtype)


@pytest.mark.parametrize(
    ("name", "tokens", "dim", "bits"),
    [
        ("none", 16, 128, 16),
        ("int8", 16, 128, 8 + 16 / 128),
        ("int8", 16, 64, 8.25),
        ("fp8", 16, 64, 8.25),
        ("int8-channel", 16, 64, 8 + (16 / 16 + 16 / 64) / 2),
        ("int4-kivi", 64, 64, 4 + 32 / 64),
        ("int4-kivi", 16, 128, 4 + (32 / 16 + 32 / 64) / 2),
        ("int2", 32, 64, 2 + 32 / 32),
        ("int4-kivi", 64, 80, 4 + (32 / 64 + 32 / 40) / 2),
    ],
)
def test_bits_per_element_count_the_scales(name, tokens, dim, bits):
    layout = PageLayout(2, tokens, 2, dim)
    codec = codecs.get(name, layout)
    rows = codec.encode(some_pages(layout, 3))
    assert rows.shape == (3, codec.row_bytes)
    assert codec.bits_per_element(rows) == bits
    assert sum(codec.lengths(rows)) * 8 == bits * 3 * layout.elements


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", LOSSY)
def test_every_code_is_the_nearest_and_is_decoded_to_what_it_stands_for(name, dtype):
    layout = PageLayout(1, 8, 2, 20, dtype)
    pages = some_pages(layout, 2)
    codec = codecs.get(name, layout)
    rows = codec.encode(pages)
    decoded = codec.decode(rows)
    for page, row, back in zip(pages, rows, decoded, strict=True):
        for place, (levels, code) in elements(name, row.numpy(), layout.shape).items():
            x = page[place].item()
            distances = abs(levels - x)
            # float32 arithmetic may take the other of two neighbours that are as near.
            assert distances[code] <= np.nanmin(distances) + 1e-6 * np.nanmax(abs(levels))
            assert back[place].item() == torch.tensor(levels[code], dtype=torch.float32).to(dtype).item()


@pytest.mark.parametrize("name", LOSSY)
def test_scales_are_no_wider_than_bfloat16_makes_them(name):
    layout = PageLayout(1, 8, 1, 16)
    pages = some_pages(layout, 1) + 1  # not around zero
    codec = codecs.get(name, layout)
    stored = elements(name, codec.encode(pages)[0].numpy(), layout.shape)
    reach = {}  # of each group, told by its levels: the magnitudes or the range that it has to reach
    for place, (levels, _) in stored.items():
        reach.setdefault(levels.tobytes(), (levels, []))[1].append(pages[0][place].item())
    for levels, values in reach.values():
        symmetric = codec.name in ("int8", "int8-channel", "fp8")
        needed = max(map(abs, values)) if symmetric else max(values) - min(values)
        reached = np.nanmax(levels) if symmetric else np.ptp(levels)
        assert needed * (1 - 1e-6) <= reached <= needed * (1 + 2**-7)


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_lossless_codecs_keep_every_bit(name, dtype):
    layout = PageLayout(2, 16, 2, 64, dtype)
    codec = codecs.get(name, layout)
    words = {2: torch.int16, 4: torch.int32}[dtype.itemsize]
    any_bits = torch.randint(-(2**15), 2**15, (2, *layout.shape), dtype=words)  # does not compress; has NaN in it
    pages = torch.cat([some_pages(layout, 2), any_bits.view(dtype)])
    rows = codec.encode(pages)
    assert torch.equal(codec.decode(rows).view(words), pages.view(words))
    assert all(length <= codec.row_bytes for length in codec.lengths(rows))
    if name != "none":
        assert codec.lengths(rows)[0] < layout.nbytes
        # What is beyond a row's length is not needed.
        for row, length in zip(rows, codec.lengths(rows), strict=True):
            row[length:] = 255
        assert torch.equal(codec.decode(rows).view(words), pages.view(words))


@pytest.mark.parametrize("name", ["zstd", "blosc2"])
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_rows_are_refused_or_have_the_length_of_a_page(name, data):
    layout = PageLayout(1, 16, 1, 64)
    codec = codecs.get(name, layout)
    rows = codec.encode(some_pages(layout, 1))
    length = codec.lengths(rows)[0]
    for at in data.draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=4)):
        rows[0, at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CodecError):  # anything else is a failure
        assert codec.decode(rows).shape == (1, *layout.shape)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", LOSSY)
def test_what_is_not_finite_is_refused_by_name_and_place(name, dtype, bad):
    layout = PageLayout(2, 4, 2, 8, dtype)
    pages = some_pages(layout, 3)
    pages[2, 1, 0, 3, 1, 5] = bad
    told = f"{name}: page 2 holds {bad} in layer 1, K, token 3, head 1, channel 5"
    with pytest.raises(CodecError, match=told):
        codecs.get(name, layout).encode(pages)


@pytest.mark.parametrize("name", LOSSY)
def test_extremes_stay_finite(name):
    for dtype in FLOATS:
        layout = PageLayout(1, 4, 1, 8, dtype)
        info = torch.finfo(dtype)
        most = info.max if name in ("int8", "int8-channel", "fp8") else info.max / 4
        tiny = info.smallest_normal * info.eps  # subnormal
        for values in ([most, -most, 0.0], [tiny, -tiny], [0.0], [most / 3, tiny]):
            pages = torch.tensor(values).to(dtype).repeat(layout.elements)[: layout.elements].view(1, *layout.shape)
            codec = codecs.get(name, layout)
            assert torch.isfinite(codec.decode(codec.encode(pages))).all()


def test_a_span_that_float32_cannot_tell_is_refused():
    layout = PageLayout(1, 4, 1, 8)
    pages = torch.full((1, *layout.shape), torch.finfo(BF16).max, dtype=BF16)
    pages[..., ::2] *= -1
    with pytest.raises(CodecError, match="int2: values span more"):
        codecs.get("int2", layout).encode(pages)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_int8_has_the_same_bytes_compiled_and_in_torch(data):
    pytest.importorskip("numba")
    dim = data.draw(st.sampled_from([4, 20, 64]))
    layout = PageLayout(1, data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2)), dim)
    pages = torch.frombuffer(
        bytearray(data.draw(st.binary(min_size=2 * layout.nbytes, max_size=2 * layout.nbytes))), dtype=BF16
    ).view(2, *layout.shape)
    codec = codecs.get("int8", layout)
    finite = bool(torch.isfinite(pages).all())
    reference = torch.empty((2, codec.row_bytes), dtype=torch.uint8)
    assert int8.encode(pages, reference) == finite
    if not finite:
        with pytest.raises(CodecError, match="int8: page"):
            codec.encode(pages)
        return
    rows = codec.encode(pages)
    assert torch.equal(rows, reference)
    back = torch.empty_like(pages)
    int8.decode(rows, back)
    assert torch.equal(codec.decode(rows).view(torch.int16), back.view(torch.int16))


def test_int8_has_the_codes_of_torchao():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        primitives = pytest.importorskip("torchao.quantization.quant_primitives")
    layout = PageLayout(2, 16, 2, 64, torch.float32)
    pages = torch.randn((2, *layout.shape), generator=torch.Generator().manual_seed(1))
    for name in ("int8", "int8-channel"):
        codec = codecs.get(name, layout)
        rows = codec.encode(pages)
        codes = rows[:, : layout.elements].view(torch.int8).view(pages.shape)
        decoded = codec.decode(rows)
        for side in range(2):
            x = pages[:, :, side]
            by_channel = name == "int8-channel" and side == 0
            block = [1, 1, layout.page_tokens, 1, 1] if by_channel else [1, 1, 1, 1, layout.head_dim]
            scale, zero = primitives.choose_qparams_affine(
                x, primitives.MappingType.SYMMETRIC, block, torch.int8, -127, 127
            )
            theirs = primitives.quantize_affine(x, block, scale, zero, torch.int8, -127, 127)
            back = primitives.dequantize_affine(theirs, block, scale, zero, torch.int8, -127, 127)
            # Our steps are up to 1/128 wider, which moves the largest codes by one.
            assert (theirs.int() - codes[:, :, side].int()).abs().max() <= 1
            ours, others = (((y - x) ** 2).mean().sqrt() for y in (decoded[:, :, side], back))
            assert ours <= 1.045 * others  # sqrt(16 / 15) * (1 + 1 / 128): theirs has the largest of 16 tokens exact


@pytest.mark.parametrize("dtype", FLOATS)
def test_triton_kernels_of_int8_agree_with_torch(dtype):
    pytest.importorskip("triton")
    from kvreplay.simulator.backends.codecs import int8_triton

    for layout in (PageLayout(2, 5, 3, 64, dtype), PageLayout(1, 3, 1, 20, dtype)):
        pages = some_pages(layout, 2)
        codec = codecs.get("int8", layout)
        reference = codec.encode(pages)
        rows = torch.zeros_like(reference)
        assert int8_triton.encode(pages, rows)
        codes, expected = (r[:, : layout.elements].view(torch.int8).int() for r in (rows, reference))
        assert (codes - expected).abs().max() <= 1
        assert torch.equal(rows[:, layout.elements :], reference[:, layout.elements :])
        back = torch.zeros_like(pages)
        int8_triton.decode(reference, back)
        # The interpreter cuts off where it should round to bfloat16.
        torch.testing.assert_close(back, codec.decode(reference), rtol=torch.finfo(dtype).eps, atol=0)
        for bad in (math.nan, -math.inf):
            spoilt = pages.clone()
            spoilt[1, 0, 1, 2, 0, 3] = bad
            with np.errstate(invalid="ignore"):
                assert not int8_triton.encode(spoilt, rows)


def test_unknown_names_shapes_and_outputs_are_refused():
    layout = PageLayout(1, 4, 1, 8)
    codec = codecs.get("int8", layout)
    pages = some_pages(layout, 2)
    with pytest.raises(CodecError, match=r"codec 'int9': is unknown; did you mean 'int8'\?"):
        codecs.get("int9", layout)
    with pytest.raises(CodecError, match=r"int8: pages are torch\.float32"):
        codec.encode(pages.float())
    with pytest.raises(CodecError, match=r"int8: rows are torch.uint8 \(2, 3\)"):
        codec.decode(torch.zeros(2, 3, dtype=torch.uint8))
    with pytest.raises(CodecError, match="int8: out is"):
        codec.encode(pages, out=torch.zeros(3, codec.row_bytes, dtype=torch.uint8))
    with pytest.raises(LayoutError, match="head_dim is 6"):
        PageLayout(1, 4, 1, 6)
    assert codec.decode(codec.encode(pages[:0])).shape == (0, *layout.shape)
