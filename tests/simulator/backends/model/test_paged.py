"""Sharing, copying and merging of real pages changes nothing of what the model says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kvreplay.simulator.backends.model import ModelError

from .tiny import MODEL, SHAPE, content, paged, tokens


def follow(model, sequence, after):
    """Logits behind each of `after`, and then all K/V of the sequence."""
    [output] = model.run([(sequence, after)])
    assert model.keep(sequence, after, output.kv)
    return torch.cat([output.logits.ravel(), content(model, sequence).ravel()])


def alone(prompt, after):
    """What `follow` gives where there is no other sequence, and all is prefilled."""
    model = paged()
    sequence, logits = model.prefill(np.concatenate([prompt, after]), scored=len(after))
    return torch.cat([logits.ravel(), content(model, sequence).ravel()])


def test_both_branches_of_a_fork_say_what_they_would_alone():
    model = paged()
    prompt = tokens(22)  # the last page is shared, and half full
    parent, _ = model.prefill(prompt)
    child = model.sequences.fork(parent)
    before, ids = content(model, parent), parent.ids.copy()
    assert model.pool.stats().physical == 6
    after = [tokens(9, seed) for seed in (1, 2)]
    assert torch.equal(follow(model, child, after[1]), alone(prompt, after[1]))
    assert list(parent.ids) == list(ids)
    assert torch.equal(content(model, parent), before)  # the child wrote into a copy
    assert model.pool.stats().copies == 1
    assert torch.equal(follow(model, parent, after[0]), alone(prompt, after[0]))
    assert model.pool.stats().copies == 1
    assert model.pool.stats().physical == 5 + 2 * 3
    for sequence in (parent, child):
        model.sequences.finish(sequence)


def test_merging_pages_of_one_prefix_changes_nothing():
    model = paged()
    prompt, after = tokens(16), tokens(6, 1)
    one, _ = model.prefill(prompt, salt="one")
    other, _ = model.prefill(prompt, salt="other")  # finds nothing, and computes the same again
    shifted, _ = model.prefill(np.concatenate([tokens(4, 2), prompt]))  # the same tokens behind another page
    sequences = [one, other, shifted]
    before = [content(model, sequence) for sequence in sequences]
    merged = np.split(model.pool.merge(np.concatenate([sequence.ids for sequence in sequences])), [4, 8])
    assert model.pool.stats().merged == 4
    assert list(merged[1]) == list(one.ids)
    assert list(merged[2]) == list(shifted.ids)
    for sequence, ids, kv in zip(sequences, merged, before, strict=True):
        sequence.ids = ids
        assert torch.equal(content(model, sequence), kv)
    for sequence in (one, other):
        assert torch.equal(follow(model, sequence, after), alone(prompt, after))
    for sequence in sequences:
        model.sequences.finish(sequence)


def test_a_pool_without_room_refuses_and_is_unchanged():
    model = paged(5)
    running, _ = model.prefill(tokens(12))
    before = content(model, running)
    assert model.prefill(tokens(12, 1)) is None
    after = tokens(9, 2)
    [output] = model.run([(running, after)])
    assert not model.keep(running, after, output.kv)
    assert running.length == 12
    assert torch.equal(content(model, running), before)
    assert model.keep(running, after[:8], output.kv[:8])


@pytest.mark.parametrize(
    ("prompt", "scored", "told"),
    [
        ([], 1, "tokens are none"),
        ([*range(8), SHAPE.vocabulary], 1, "tokens are from 0 to 61; give some from 0 to 60"),
        ([3, -1], 1, "tokens are from -1 to 3"),
        ([3, 1], 0, "0 scored tokens of a prompt of 2"),
        ([3, 1], 3, "3 scored tokens of a prompt of 2"),
    ],
)
def test_prompts_that_cannot_be_computed_are_refused(prompt, scored, told):
    model = paged()
    with pytest.raises(ModelError, match=told):
        model.prefill(np.array(prompt, np.int64), scored=scored)
    assert model.pool.stats().physical == 0


def test_what_was_not_computed_is_not_found(monkeypatch):
    model = paged()
    prompt = tokens(17)
    with monkeypatch.context() as patch:
        patch.setattr(MODEL, "_normed", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            model.prefill(prompt)
    assert model.pool.stats().physical == 0
    sequence, logits = model.prefill(prompt)
    assert sequence.prefix.hits == 0
    assert torch.equal(logits, paged().prefill(prompt)[1])


def _interrupt(*_):
    raise KeyboardInterrupt


class Sequences(RuleBasedStateMachine):
    """Sequences come, branch, grow and go in a small pool; each must hold the K/V that it would have alone."""

    def __init__(self):
        super().__init__()
        self.model = paged(14)
        self.running = []  # [sequence, its tokens]

    def one(self, data):
        return data.draw(st.sampled_from(self.running)) if self.running else None

    @rule(length=st.integers(1, 30), seed=st.integers(0, 1), salt=st.sampled_from(["", "tenant"]))
    def admit(self, length, seed, salt):
        prefilled = self.model.prefill(tokens(30, seed)[:length], salt=salt)
        if prefilled is not None:
            self.running.append([prefilled[0], tokens(30, seed)[:length]])

    @rule(data=st.data(), after=st.lists(st.integers(0, 60), min_size=1, max_size=9))
    def grow(self, data, after):
        if chosen := self.one(data):
            before = content(self.model, chosen[0])
            [output] = self.model.run([(chosen[0], np.array(after))])
            if self.model.keep(chosen[0], np.array(after), output.kv):
                chosen[1] = np.concatenate([chosen[1], after])
            else:
                assert torch.equal(content(self.model, chosen[0]), before)

    @rule(data=st.data())
    def fork(self, data):
        if chosen := self.one(data):
            self.running.append([self.model.sequences.fork(chosen[0]), chosen[1]])

    @rule(data=st.data())
    def finish(self, data):
        if chosen := self.one(data):
            self.model.sequences.finish(chosen[0])
            self.running.remove(chosen)

    @invariant()
    def each_holds_what_it_would_alone(self):
        for sequence, whole in self.running:
            alone = paged(30)
            assert torch.equal(content(self.model, sequence), content(alone, alone.prefill(whole)[0]))


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
