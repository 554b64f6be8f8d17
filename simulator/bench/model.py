"""A model over the page pool: prefill behind a reused prefix, decoding with and without drafts, semantic hits.

It is SmolLM2, on real text, where that is installed; else a Llama of its shape with seeded weights, which has nothing
to say and so is only timed. On one thread, or a GPU where there is one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from itertools import count

import numpy as np
import torch

from kvreplay.simulator.backends.model import (
    Decoder,
    Llama,
    LlamaShape,
    ModelError,
    PagedModel,
    SmolLM2,
    SpeculativeDecoder,
)
from kvreplay.simulator.backends.model.decoder import DecoderStats, Request
from kvreplay.simulator.backends.model.scoring import reuse

from . import Row
from .clock import devices, in_turns
from .texts import texts

_SHAPE = LlamaShape(30, 576, 1536, 9, 3, 64, 49152, rope_theta=1e5)  # of SmolLM2-135M
_PROMPT = 512  # tokens of a prompt that is prefilled
_REUSED = (0, 256, 448)  # of them
_MOST = 32  # tokens generated
_PAGES = 512
_TASKS = ("Say in your own words what this means", "Repeat this text word for word")

# What is asked, and what a semantic cache might have at hand instead.
_PAIRS = {
    "the same in other words": [
        ("What is the capital of France?", "Which city is the capital of France?"),
        ("How do I boil an egg?", "What is the way to boil an egg?"),
        ("Why is the sky blue?", "What makes the sky look blue?"),
    ],
    "the same of another thing": [
        ("What is the capital of France?", "What is the capital of Spain?"),
        ("How do I boil an egg?", "How do I boil a potato?"),
        ("Why is the sky blue?", "Why is the grass green?"),
    ],
    "another question": [
        ("What is the capital of France?", "How do I boil an egg?"),
        ("How do I boil an egg?", "Why is the sky blue?"),
        ("Why is the sky blue?", "What is the capital of France?"),
    ],
}


def measure(*, rounds: int) -> Iterator[Row]:
    """Rows of prefill by what is reused, of decoding by sequences at once, and of semantic hits by their kind."""
    torch.set_num_threads(1)
    for device in devices():
        try:
            smollm2 = SmolLM2(device=device)
        except ModelError:
            model, told = Llama.random(_SHAPE, device=device), "its shape, seeded weights"
            prompt = np.random.default_rng(0).integers(0, _SHAPE.vocabulary, _PROMPT)
            tasks = {"random tokens": list(prompt.reshape(8, -1))}
        else:
            model, told = smollm2.llama, "SmolLM2-135M"
            [text, *_] = texts().values()
            prompt = smollm2.encode(text)[:_PROMPT]
            parts = [text[at : at + 500] for at in range(0, 4000, 500)]
            tasks = {task: [smollm2.chat(f"{task}: {part}") for part in parts] for task in _TASKS}
        what: dict[str, str | int | float | None] = {"model": told, "device": device}
        yield from _prefill(model, prompt, what, rounds)
        for task, prompts in tasks.items():
            for n in (1, len(prompts)):
                yield from _decode(model, prompts[:n], what | {"asked for": task, "sequences": n}, rounds)
        if told == "SmolLM2-135M" and device == "cpu":
            yield from _semantic_hits(smollm2)


def _prefill(model: Llama, prompt: np.ndarray, what: dict[str, str | int | float | None], rounds: int) -> Iterator[Row]:
    paged = PagedModel(model, _PAGES)
    numbers = count()

    def prefill(kept: int) -> None:
        other = prompt.copy()
        other[kept] = next(numbers) % model.shape.vocabulary  # nothing from here on has been there before
        prefilled = paged.prefill(other)
        assert prefilled is not None
        paged.sequences.finish(prefilled[0])

    paged.prefill(prompt)
    spent = in_turns({str(kept): partial(prefill, kept) for kept in _REUSED}, rounds, str(what["device"]))
    medians = {kept: float(np.median(times)) for kept, times in spent.items()}
    for kept, median in medians.items():
        new = len(prompt) - int(kept)
        cells = what | {
            "reused": int(kept),
            "ms": median / 1e3,
            "computed tokens/s": new / median * 1e6,
            "of a cold prefill's time": median / medians["0"],
        }
        yield Row(f"Prefill of {len(prompt)} tokens, medians in turns", cells)


def _decode(
    model: Llama, prompts: list[np.ndarray], what: dict[str, str | int | float | None], rounds: int
) -> Iterator[Row]:
    kinds = (Decoder, SpeculativeDecoder)
    seconds: dict[str, list[float]] = {kind.__name__: [] for kind in kinds}
    stats: dict[str, DecoderStats] = {}
    for kind in kinds * rounds:  # in turns
        decoder = kind(PagedModel(model, _PAGES), at_once=len(prompts))
        for prompt in prompts:
            decoder.submit(Request(prompt, _MOST))
        decoder.step()  # prefills
        first, start = decoder.stats.generated, time.perf_counter()
        while decoder.running:
            decoder.step()
        seconds[kind.__name__].append((time.perf_counter() - start) / (decoder.stats.generated - first))
        stats[kind.__name__] = decoder.stats
    for name, of_kind in stats.items():
        cells = what | {
            "decoder": name,
            "tokens/s": 1 / float(np.median(seconds[name])),
            "steps": of_kind.steps,
            "drafted": of_kind.drafted,
            "accepted": of_kind.accepted,
        }
        yield Row(f"Decoding {_MOST} tokens a sequence, medians in turns", cells)


def _semantic_hits(smollm2: SmolLM2) -> Iterator[Row]:
    paged = PagedModel(smollm2.llama, _PAGES)
    for kind, pairs in _PAIRS.items():
        scores = [
            reuse(paged, smollm2.chat(other), smollm2.chat(asked), _MOST, stop=smollm2.stop) for asked, other in pairs
        ]
        cells: dict[str, str | int | float | None] = {
            "what is there": kind,
            "KL of its K/V, nats a token": float(np.mean([score.kv.kl for score in scores])),
            "top-1 agreement": float(np.mean([score.kv.top1 for score in scores])),
            "its answer less likely by, nats a token": float(np.mean([score.answer_excess for score in scores])),
        }
        yield Row(f"A hit of another question instead of the one asked, means of {len(pairs)}", cells)
