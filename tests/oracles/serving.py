"""A server, slow and obvious: every step by itself, every sequence and every page in a list. FCFS, LRU.

Written from the rules that `kvreplay.simulator.serving.replica` tells, not from its code. Free memory is counted anew
whenever it is asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(eq=False)
class Sequence:
    number: int
    arrival: float
    prompt: int
    output: int
    ids: list[int]  # of the prompt's full pages
    gain: float = 1.0  # tokens a step that decodes, on average
    computed: int = 0
    generated: int = 0
    decoding: bool = False
    reads: float = 0.0  # tokens in the next step, if it decodes
    private: int = 0  # pages that nobody can hit
    users: list[int] = field(default_factory=list)  # ids of cached pages that it uses
    admission: float = math.nan
    first: float = math.nan
    end: float = math.nan
    hits: int = 0
    preemptions: int = 0


def serve(requests, seconds, pages, page_tokens, max_num_seqs, max_num_batched_tokens, watermark=0, drafted=0):
    """Serve `requests`, Sequences by arrival, on one server; fills in their times and counts.

    `seconds(tokens, pairs, sequences, context)` is what a step takes that prefills `tokens`. Of every sequence that
    decodes `drafted` tokens are verified beside its own; by the n-th step of the server it gains what makes the whole
    tokens of n x gain, and reads `gain` more, parts included.
    """
    todo, waiting, running, now, steps = list(requests), [], [], 0.0, 0
    cached: list[int] = []  # ids, the least recently released first

    def used():
        return {page for sequence in running for page in sequence.users}

    def available():
        return pages - len(used()) - sum(sequence.private for sequence in running)

    def take(sequence, count):
        sequence.private += count
        while len(set(cached) | used()) + sum(s.private for s in running) > pages:
            cached.remove(next(page for page in cached if page not in used()))

    def leave(sequence):
        running.remove(sequence)
        for page in reversed(sequence.users):
            cached.remove(page)
            cached.append(page)
        sequence.users, sequence.private, sequence.computed, sequence.decoding = [], 0, 0, False

    def extend(sequence, tokens):
        needed = math.ceil((sequence.computed + tokens) / page_tokens) - len(sequence.users) - sequence.private
        if needed > available():
            return False
        take(sequence, needed)
        sequence.computed += tokens
        for page in sequence.ids[len(sequence.users) : sequence.computed // page_tokens]:
            sequence.private -= 1
            sequence.users.append(page)
            if page not in cached:
                cached.append(page)
        return True

    def preempt(sequence):
        leave(sequence)
        waiting.insert(0, sequence)
        sequence.preemptions += 1

    while todo or waiting or running:
        if not waiting and not running:
            now = max(now, todo[0].arrival)
        while todo and todo[0].arrival <= now:
            waiting.append(todo.pop(0))
        preempted, pairs, computed = False, 0.0, 0
        steps += 1
        decoded, prefilled = {}, []
        for sequence in [sequence for sequence in running if sequence.decoding]:
            gained = math.floor(sequence.gain * steps) - math.floor(sequence.gain * (steps - 1))
            while sequence in running and not extend(sequence, gained):
                decoded.pop(running[-1], None)
                preempt(running[-1])
                preempted = True
            if sequence in running:
                decoded[sequence] = gained
        budget = max_num_batched_tokens - len(decoded) * (1 + drafted)
        for sequence in [sequence for sequence in running if not sequence.decoding]:
            tokens = min(sequence.prompt + sequence.generated - sequence.computed, budget)
            if not extend(sequence, tokens):
                preempt(sequence)
                preempted = True
            elif tokens:
                prefilled.append(sequence)
                pairs += tokens * (sequence.computed - tokens + tokens / 2)
                budget -= tokens
                computed += tokens
        while waiting and not preempted and budget and len(running) < max_num_seqs:
            sequence = waiting[0]
            target = sequence.prompt + sequence.generated
            hits = 0
            while hits < min(len(sequence.ids), (target - 1) // page_tokens) and sequence.ids[hits] in cached:
                hits += 1
            found = sequence.ids[:hits]
            room = pages - len(used() | set(found)) - sum(other.private for other in running)
            if math.ceil(target / page_tokens) - hits + (watermark if running else 0) > room:
                break
            waiting.pop(0)
            running.append(sequence)
            sequence.users, sequence.computed = found, hits * page_tokens
            if math.isnan(sequence.admission):
                sequence.admission, sequence.hits = now, sequence.computed
            tokens = min(target - sequence.computed, budget)
            assert extend(sequence, tokens)
            prefilled.append(sequence)
            pairs += tokens * (sequence.computed - tokens + tokens / 2)
            budget -= tokens
            computed += tokens
        now += seconds(computed, pairs, len(decoded), sum(sequence.reads for sequence in decoded))
        for sequence, gained in decoded.items():
            sequence.generated += gained
            sequence.reads += sequence.gain
        for sequence in prefilled:
            if sequence.computed == sequence.prompt + sequence.generated:
                sequence.decoding = True
                sequence.generated += 1
                sequence.reads = sequence.computed + 1 + sequence.gain * steps - math.floor(sequence.gain * steps)
                if math.isnan(sequence.first):
                    sequence.first = now
        for sequence in list(running):
            if sequence.generated >= sequence.output:
                leave(sequence)
                sequence.end = now
