"""Sums over sequences that decode, against single steps of each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvreplay.simulator.serving.decoding import Decoding
from kvreplay.simulator.serving.requests import Request

PAGE = 4


def request_of(number: int, prompt: int, output: int, gain: float) -> Request:
    request = Request(number, prompt, output, np.empty(0, np.uint32), session=-1, priority=0, gain=gain)
    request.rank, request.generated = number, 1
    return request


# In floating point, 21 / 1.4 is more than 15 though 15 x 1.4 is 21, and 63 / 1.4 is 45 though 45 x 1.4 is less than 63.
@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.integers(2, 90), st.integers(10, 50).map(lambda tenths: tenths / 10)),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 20),
)
@example([(5, 22, 1.4)], 0)
@example([(5, 64, 1.4)], 0)
def test_many_steps_are_as_many_single_ones(sequences, before):
    """`before`: steps that were done when all of `sequences`, each a prompt, an output and a gain, begin to decode."""
    decoding = Decoding(PAGE)
    decoding.advance(before)
    cached, left = [prompt for prompt, _, _ in sequences], [output - 1 for _, output, _ in sequences]
    for number, sequence in enumerate(sequences):
        decoding.add(request_of(number, *sequence))
    held = [math.ceil(tokens / PAGE) for tokens in cached]
    step, running = before, range(len(sequences))
    while running:
        assert decoding.count == len(running)
        grown = [sequences[i][2] * step - math.floor(sequences[i][2] * before) for i in running]
        assert decoding.context == pytest.approx(sum(sequences[i][0] + 1 for i in running) + sum(grown))
        steps, due, kept = decoding.steps_left(), [], 0
        while all(left[i] > 0 for i in running):
            step += 1
            for i in running:
                gained = math.floor(sequences[i][2] * step) - math.floor(sequences[i][2] * (step - 1))
                cached[i] += gained
                kept += min(gained, left[i])
                left[i] -= gained
            due.append(sum(math.ceil(cached[i] / PAGE) - held[i] for i in running))
        assert steps == len(due)
        assert [decoding.pages_due(count) for count in range(1, steps + 1)] == due
        generated, ended = decoding.advance(steps)
        assert generated == kept
        assert [request.number for request in ended] == [i for i in running if left[i] <= 0]
        running = [i for i in running if left[i] > 0]
        held = [math.ceil(tokens / PAGE) for tokens in cached]
