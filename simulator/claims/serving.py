"""Claims of speed against simulated servers: modelled, one figure per seed.

The traffic is a closed loop of requests of one kind, which keeps the server busy, so that throughput is what it can do.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from kvreplay.simulator.serving import Simulation, simulate
from kvreplay.traces.trace import Trace

_SEEDS = range(3)
_PAGE_TOKENS = 16
_GENERATED = 500  # answers, by one replica
_ASKED = 600  # questions about documents, of one replica


def throughput_gain(
    *,
    hits: float,
    lookup_ms: float,
    hit_length: float = 1.0,
    model: str = "llama-3.1-8b",
    device: str = "a100",
    concurrency: int = 32,
) -> Iterator[float]:
    """How many times as many tokens are served a second where a share `hits` of requests is answered in front.

    Answers that hit are `hit_length` times as long as others; looking up takes `lookup_ms` of every request.
    """
    for seed in _SEEDS:
        settings = {"model": model, "device": device, "concurrency": concurrency}
        front = {"stack": ["exact"], "exact_seconds": lookup_ms / 1e3}
        cached = simulate(_traffic(_GENERATED, hits, hit_length, seed), **settings, **front)
        plain = simulate(_traffic(_GENERATED, 0.0, 1.0, seed), **settings)
        yield _tokens_per_second(cached) / _tokens_per_second(plain)


def tokens_per_second(*, model: str, device: str, concurrency: int, hits: float = 0.0) -> Iterator[float]:
    """Tokens served a second, where a share `hits` of requests is answered in front at no cost."""
    for seed in _SEEDS:
        trace = _traffic(_GENERATED, hits, 1.0, seed)
        yield _tokens_per_second(
            simulate(trace, model=model, device=device, concurrency=concurrency, stack=["exact"], exact_seconds=0)
        )


def replicas_gain(
    *, replicas: int, model: str = "llama-3.1-8b", device: str = "a100", each: int = 32
) -> Iterator[float]:
    """How many times as many tokens are served a second by several replicas, `each` requests under way per replica."""
    for seed in _SEEDS:
        one, many = (
            simulate(
                _traffic(_GENERATED * count, 0.0, 1.0, seed),
                model=model,
                device=device,
                replicas=count,
                router="least-loaded",
                concurrency=each * count,
            )
            for count in (1, replicas)
        )
        yield _tokens_per_second(many) / _tokens_per_second(one)


def sharing_gain(
    *, replicas: int, sharing: str | None, model: str = "llama-3.1-8b", device: str = "a100", each: int = 32
) -> Iterator[float]:
    """How many times as many tokens are served a second by several replicas in one server than by one.

    Requests ask about one of 150 documents of 4,096 tokens, which is more than one device holds beside the model.
    `sharing` is what becomes of pages that replicas bring from each other; None: they bring none.
    """
    for seed in _SEEDS:
        one, many = (
            simulate(
                _questions(_ASKED * count, seed),
                model=model,
                device=device,
                replicas=count,
                concurrency=each * count,
                sharing=sharing,
                interconnect="peer",
            )
            for count in (1, replicas)
        )
        yield _tokens_per_second(many) / _tokens_per_second(one)


def first_token_seconds(
    *, prompt: int, reused: int, model: str = "llama-3.1-8b", device: str = "a100"
) -> Iterator[float]:
    """Seconds to the first token of a prompt of which the first `reused` tokens are in the cache, on an idle server."""
    yield simulate(prompt_and_prefix(prompt, reused), model=model, device=device).requests["ttft"][1]


def prompt_and_prefix(prompt: int, reused: int) -> Trace:
    """Two prompts of so many tokens that ask for one token each, long after one another; the first `reused` are the
    same."""
    count, shared = -(-prompt // _PAGE_TOKENS), reused // _PAGE_TOKENS
    pages = np.concatenate([np.arange(count), np.arange(shared), np.arange(count, 2 * count - shared)])
    parent = np.arange(-1, 2 * count - shared - 1)
    parent[count : count + 1] = shared - 1
    return _trace(pages, parent, [0, count, 2 * count], [prompt, prompt], [1, 1], np.array([0.0, 1e4]))


def _tokens_per_second(simulation: Simulation) -> float:
    return simulation.row["output_tokens_per_second"]


def _traffic(generated: int, hits: float, hit_length: float, seed: int) -> Trace:
    """Prompts of 256 tokens and answers of 150 to 250; a share `hits` of the requests repeats the first prompt.

    About `generated` of them repeat nothing: enough that the end, when fewer are under way, weighs little.
    """
    rng = np.random.default_rng(seed)
    requests = round(generated / (1 - hits))
    repeats = rng.random(requests) < hits
    repeats[0] = False
    prompts = np.where(repeats, 0, np.cumsum(~repeats) - 1)
    output = rng.integers(150, 251, requests) * np.where(repeats, hit_length, 1)
    each = 256 // _PAGE_TOKENS
    pages = (prompts[:, None] * each + np.arange(each)).ravel()
    parent = np.arange(-1, pages.max())
    parent[::each] = -1
    return _trace(pages, parent, np.arange(requests + 1) * each, np.full(requests, 256), output, None)


def _questions(requests: int, seed: int) -> Trace:
    """Prompts of one of 150 documents of 4,096 tokens and 128 tokens of their own, and answers of 30 to 70."""
    rng = np.random.default_rng(seed)
    shared, own = 4096 // _PAGE_TOKENS, 128 // _PAGE_TOKENS
    asked, document = np.unique(rng.integers(0, 150, requests), return_inverse=True)
    documents = len(asked)
    first_own = documents * shared + np.arange(requests) * own
    pages = np.hstack([document[:, None] * shared + np.arange(shared), first_own[:, None] + np.arange(own)]).ravel()
    parent = np.arange(-1, documents * shared + requests * own - 1)
    parent[: documents * shared : shared] = -1
    parent[first_own] = document * shared + shared - 1
    each = shared + own
    output = rng.integers(30, 71, requests)
    return _trace(pages, parent, np.arange(requests + 1) * each, np.full(requests, 4224), output, None)


def _trace(
    pages: np.ndarray,
    parent: np.ndarray,
    offsets: ArrayLike,
    prompt: ArrayLike,
    output: ArrayLike,
    arrival: np.ndarray | None,
) -> Trace:
    return Trace(
        "claim",
        pages.astype(np.uint32),
        len(parent),
        np.asarray(offsets, np.int64),
        arrival=arrival,
        prompt_tokens=np.asarray(prompt, np.int32),
        output_tokens=np.asarray(output, np.int32),
        parent=parent.astype(np.int32),
        page_tokens=_PAGE_TOKENS,
    )
