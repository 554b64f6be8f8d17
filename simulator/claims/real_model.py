"""Claims of speed and of stored K/V against a real model on this machine: measured, one figure per seed or text.

On one thread of a CPU, one request at a time; seconds are those of the thread. Prompts and answers are of one length
each, and traffic has exactly the hits that a claim names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from kvreplay.simulator.backends import PageLayout, codecs
from kvreplay.simulator.backends.model import PagedModel, SmolLM2
from kvreplay.simulator.backends.model.scoring import Fidelity, behind_stored
from kvreplay.simulator.bench.kv_samples import samples
from kvreplay.simulator.bench.texts import texts
from kvreplay.simulator.measured import Measurement, measure
from kvreplay.simulator.measured.machine import seconds
from kvreplay.simulator.serving.model import get_model
from kvreplay.traces import Trace, generate

from .judged import Judged
from .serving import prompt_and_prefix

_MODEL = "smollm2-135m"
_SEEDS = range(3)
_PAGE_TOKENS = 16
_PROMPT, _OUTPUT = 32, 4  # tokens
_ASKED = 3  # prompts that repeat nothing
_STACK = ["exact", {"semantic": {"embedder": "idf-seeded", "threshold": 0.95}}]
_PREFIX, _FOLLOWING, _STORED_PAGE, _ROWS = 512, 128, 64, 64  # tokens: of real text, of a page, and of a product


def real_throughput_gain(*, repeats: Sequence[str], hit_length: float = 1.0, model: str = _MODEL) -> Iterator[Judged]:
    """How many times as many tokens are served a second where every prompt is repeated, ``exact``ly or as ``semantic``
    rewording, than where none is. Answers that hit are `hit_length` times as long as others.
    """
    for seed in _SEEDS:
        plain = measure(_traffic((), 1.0, seed), model=model, concurrency=1)
        cached = measure(_traffic(repeats, hit_length, seed), model=model, concurrency=1, stack=_STACK)
        yield Judged(_tokens_per_second(cached) / _tokens_per_second(plain), _precision(cached))


def real_first_token_seconds(*, prompt: int, reused: int, model: str = _MODEL) -> Iterator[float]:
    """Seconds to the first token of a prompt of which the first `reused` tokens are in pages of the cache."""
    trace = prompt_and_prefix(prompt, reused)
    for _ in _SEEDS:
        yield measure(trace, model=model, concurrency=1).requests["ttft"][1]


def real_answer_seconds(*, repeat: str, model: str = _MODEL) -> Iterator[Judged]:
    """Seconds until a prompt that was answered before, ``exact``ly or in other words, has its whole answer."""
    for seed in _SEEDS:
        measured = measure(_traffic([repeat], 1.0, seed), model=model, concurrency=1, stack=_STACK)
        yield Judged(float(np.mean(measured.requests["e2e"].to_numpy()[1::2])), _precision(measured))


def stored_ratio(*, codec: str, plain: str) -> Iterator[float]:
    """How many times fewer bytes the K/V pages of the model take when stored, than in the type `plain`."""
    layout = _layout(getattr(torch, plain))
    pages = next(samples(layout, 1)).pages
    stored = codecs.get(codec, layout)
    yield layout.nbytes / sum(stored.lengths(stored.encode(pages)))


def stored_seconds(*, codec: str, tokens: int) -> Iterator[float]:
    """Seconds to store the bfloat16 K/V of so many tokens of the model, and to bring them back."""
    layout = _layout(torch.bfloat16)
    pages = next(samples(layout, tokens // _STORED_PAGE)).pages
    kept = codecs.get(codec, layout)
    rows, back = kept.encode(pages), pages.clone()

    def store() -> None:
        kept.decode(kept.encode(pages, out=rows), out=back)

    store()  # what is only done once
    for _ in range(5):
        yield seconds(store, pages.device)


def stored_agreement(*, codec: str) -> Iterator[float]:
    """The share of tokens of real text of which the most likely one is the same behind K/V that were stored."""
    for score in _scores(codec):
        yield score.top1


def _scores(codec: str) -> Iterator[Fidelity]:
    torch.set_num_threads(1)
    smollm2 = SmolLM2(rows=64)  # many rows are quicker in prefill
    paged = PagedModel(smollm2.llama, _PREFIX // _STORED_PAGE, page_tokens=_STORED_PAGE, kv_dtype=torch.float32)
    lossy = codecs.get(codec, paged.pool.layout)
    for text in texts().values():
        tokens = smollm2.encode(text)[: _PREFIX + _FOLLOWING]
        yield from behind_stored(paged, [lossy], tokens[:_PREFIX], tokens[_PREFIX:])


def _layout(dtype: torch.dtype) -> PageLayout:
    """Pages of the model's shape."""
    shape = get_model(_MODEL)
    return PageLayout(shape.layers, _STORED_PAGE, shape.kv_heads, shape.head_size, dtype)


def _traffic(repeats: Sequence[str], hit_length: float, seed: int) -> Trace:
    """Prompts that have nothing in common, each followed by its repeats. A rewording has pages of its own."""
    asked = list(generate("diverse", requests=_ASKED, verbatim_share=0.0, seed=seed).texts())
    prompts, pages, outputs, each = [], [], [], _PROMPT // _PAGE_TOKENS
    for number, text in enumerate(asked):
        for kind in ("asked", *repeats):
            reworded = kind == "semantic"
            prompts.append(f"{text} Please." if reworded else text)
            pages.append((2 * number + reworded) * each + np.arange(each))
            outputs.append(_OUTPUT if kind == "asked" else round(hit_length * _OUTPUT))
    numbers, first = np.unique(np.concatenate(pages), return_inverse=True)
    texts_bytes = [prompt.encode() for prompt in prompts]
    parent = np.arange(-1, len(numbers) - 1)
    parent[::each] = -1
    return Trace(
        "claim",
        first.astype(np.uint32),
        len(numbers),
        np.arange(len(prompts) + 1) * each,
        prompt_tokens=np.full(len(prompts), _PROMPT, np.int32),
        output_tokens=np.array(outputs, np.int32),
        intent=np.repeat(np.arange(len(asked)), 1 + len(repeats)).astype(np.int32),
        text_bytes=np.frombuffer(b"".join(texts_bytes), np.uint8).copy(),
        text_offsets=np.concatenate([[0], np.cumsum([len(text) for text in texts_bytes])]),
        parent=parent.astype(np.int32),
        page_tokens=_PAGE_TOKENS,
    )


def _tokens_per_second(measured: Measurement) -> float:
    requests = measured.requests
    return float(requests["output_tokens"].sum() / requests["end"].max())  # type: ignore[operator]


def _precision(measured: Measurement) -> float | None:
    return measured.row["semantic_precision"]
