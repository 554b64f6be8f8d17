"""Simulated queues against queueing theory: one request at a time, of a known service time, from a Poisson process."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kvreplay.simulator.serving.cost import StepCost, get_device
from kvreplay.simulator.serving.engine import Server, run
from kvreplay.simulator.serving.figures import verdict_of
from kvreplay.simulator.serving.model import get_model
from kvreplay.simulator.serving.replica import Limits
from kvreplay.traces.trace import Trace

SECONDS = 1e-3  # a prompt token takes, and nothing else does
MODEL = get_model("llama-3.1-8b")
RATE = 2 * MODEL.token_weights / SECONDS
COST = StepCost(MODEL, get_device("h100"), 1, "roofline", 0.0, RATE, math.inf, 0.0, 0.0, math.inf)
MEAN = 1000  # tokens of a prompt
BLOCKS, BLOCK = 20, 1000


def simulate(prompt: np.ndarray, load: float, rng: np.random.Generator):
    """Queueing times of requests that arrive at `load` / mean service time, in blocks; the first is left out."""
    count = len(prompt)
    arrival = np.cumsum(rng.exponential(prompt.mean() * SECONDS / load, count))
    trace = Trace(
        "poisson",
        np.empty(0, np.uint32),
        0,
        np.zeros(count + 1, np.int64),
        arrival=arrival,
        prompt_tokens=prompt.astype(np.int32),
        output_tokens=np.ones(count, np.int32),
    )
    limits = Limits(max_num_seqs=1, max_num_batched_tokens=10**9, watermark=0, order="fcfs")
    found = run(trace, Server(COST, 1, 10**9, 16, limits, "round-robin", None, None))
    return found, (found.admission - found.arrival)[BLOCK:].reshape(-1, BLOCK).mean(axis=1)


@pytest.mark.parametrize("load", [0.3, 0.7])
@pytest.mark.parametrize("service", ["exponential", "constant", "two values"])
def test_waiting_times_are_those_of_pollaczek_and_khinchine(service, load):
    """M/G/1: W = lambda E[S^2] / (2 (1 - rho)); with exponential service that is M/M/1's, with constant M/D/1's."""
    rng = np.random.default_rng(7)
    count = (BLOCKS + 1) * BLOCK
    prompt = {
        "exponential": np.maximum(rng.exponential(MEAN, count).round(), 1),
        "constant": np.full(count, MEAN),
        "two values": rng.choice([MEAN // 2, 6 * MEAN], count, p=[0.9, 0.1]),
    }[service]
    second = 0.9 * 0.5**2 + 0.1 * 6**2  # moment of the two values, in units of MEAN; their mean is 0.9 * 0.5 + 0.1 * 6
    variation = {"exponential": 1.0, "constant": 0.0, "two values": second / 1.05**2 - 1}[service]  # Var S / E[S]^2
    found, waits = simulate(prompt, load, rng)
    mean = prompt.mean() * SECONDS
    expected = load * mean * (1 + variation) / (2 * (1 - load))
    # 99.9 % interval of the mean of 20 blocks (t = 3.88).
    assert abs(waits.mean() - expected) < 3.88 * waits.std(ddof=1) / math.sqrt(BLOCKS)
    # The server works as long as the work takes.
    steps = found.steps()
    assert (steps["end"] - steps["start"]).sum() == pytest.approx(prompt.sum() * SECONDS, rel=1e-9)


@pytest.mark.parametrize(("load", "verdict"), [(0.5, "stable"), (0.9, "stable"), (1.1, "unstable"), (2.0, "unstable")])
def test_a_load_that_no_queue_survives_is_told(load, verdict):
    """M/M/1 has a stationary queue below a load of 1, and none above."""
    rng = np.random.default_rng(5)
    found, _ = simulate(np.maximum(rng.exponential(MEAN, 5 * BLOCK).round(), 1), load, rng)
    assert verdict_of(found.arrival, found.admission) == verdict


def test_little_s_law():
    """Arrivals of a Poisson process find as many requests as there are on average: their rate times the time in it."""
    rng = np.random.default_rng(3)
    count = (BLOCKS + 1) * BLOCK
    found, _ = simulate(np.maximum(rng.exponential(MEAN, count).round(), 1), 0.8, rng)
    seen = np.arange(count) - np.searchsorted(np.sort(found.end), found.arrival, "right")
    rate = count / found.arrival[-1]
    difference = (seen - rate * (found.end - found.arrival))[BLOCK:].reshape(-1, BLOCK).mean(axis=1)
    assert abs(difference.mean()) < 3.88 * difference.std(ddof=1) / math.sqrt(BLOCKS)
    assert seen.mean() > 2
