# %% [markdown]
# # Write an eviction policy
#
# A policy is a few plain functions over arrays. It runs at the speed of the built-in ones, on every trace, against the
# same bounds. Here we write one, make a mistake, mend it, and see what it is worth.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import kvreplay as kv

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## The idea
# CLOCK: pages stand in a ring. A use sets a page's bit; the hand goes round, clears bits, and takes the first page
# whose bit is not set. One bit a page, and no list to reorder on a hit.
#
# `init` allocates everything, as arrays by page id. The hooks say what happens on a hit, on an insertion, and who
# leaves.

# %%
source = '''
"""CLOCK with one bit: a page that was used since the hand passed is spared once."""
from typing import NamedTuple
import numpy as np

class State(NamedTuple):
    ring: np.ndarray    # (capacity,) uint32: the cached pages
    used: np.ndarray    # (n_pages,) uint8: the bit
    hand: np.ndarray    # (2,) int64: where the hand stands, how many places are taken

def init(capacity, n_pages):
    return State(np.zeros(capacity, np.uint32), np.zeros(n_pages, np.uint8), np.zeros(2, np.int64))

def on_hit(state, page, now):
    state.used[page] = 1

def on_insert(state, page, now):
    # Before the cache is full pages take the next place, then the one that evict() left free.
    place = state.hand[0] if state.hand[1] == len(state.ring) else state.hand[1]
    state.ring[place] = page
    state.used[page] = 0
    if state.hand[1] < len(state.ring):
        state.hand[1] += 1
    else:
        state.hand[0] = (place + 1) % len(state.ring)

def evict(state, now):
    while state.used[state.ring[state.hand[0]]]:
        state.used[state.ring[state.hand[0]]] = 0
        state.hand[0] = (state.hand[0] + 1) % len(state.ring)
    return state.ring[state.hand[0]]
'''
folder = Path(tempfile.mkdtemp())
clock = folder / "clock.py"
_ = clock.write_text(source)

# %% [markdown]
# ## Does it work?
# `compiled=False` runs the very same source as plain Python: set a breakpoint in it if you like. Both must agree.

# %%
small = kv.generate("zipf", requests=20_000, keys=2_000, seed=1)
plain = kv.replay(small, str(clock), 200, compiled=False).row
fast = kv.replay(small, str(clock), 200).row
plain["hits"], fast["hits"], kv.replay(small, "lru", 200).row["hits"], kv.replay(small, "belady", 200).row["hits"]

# %% [markdown]
# ## A mistake
# Before a policy from outside is compiled, it runs for a moment in Python. What goes wrong is told with its line.

# %%
broken = folder / "broken.py"
broken.write_text(source.replace("state.used[page] = 1", "state.used[page + 1000000] = 1"))
try:
    kv.replay(small, str(broken), 200)
except ValueError as error:
    print(str(error).replace(str(folder), "…"))

# %% [markdown]
# ## Is it fast?
# Ten million requests, one thread. The first call compiled it above; the figures are measured on whatever runs this.

# %%
large = kv.generate("zipf", requests=10_000_000, keys=1_000_000, seed=1)
for policy in [str(clock), "lru", "sieve"]:
    timings = min((kv.replay(large, policy, 10_000).timings for _ in range(2)), key=lambda t: t["cpu_seconds"])
    print(f"{Path(policy).name:10} {timings['pages_per_second'] / 1e6:6.1f} million requests per second")

# %% [markdown]
# ## Is it any good?
# Against the usual suspects, on two kinds of traffic, between LRU and the optimum.

# %%
workloads = {
    "zipf with drift": kv.generate("zipf", requests=200_000, keys=10_000, drift=1, seed=2),
    "conversations": kv.generate("conversation", sessions=300, seed=2),
}
figure, panels = plt.subplots(1, 2, figsize=(10, 4), sharex=True)
for axes, (name, trace) in zip(panels, workloads.items(), strict=True):
    for policy, style in [("belady", "k-"), (str(clock), "r-o"), ("lru", "b-"), ("sieve", "c--"), ("fifo", "y--")]:
        curve = kv.curve(trace, policy, ["1%", "2%", "5%", "10%", "20%", "50%"])
        share = 100 * curve.capacity / trace.n_pages
        axes.plot(share, 100 * curve.hit_ratio, style, label=Path(policy).stem, markersize=4)
    axes.set(xscale="log", xlabel="capacity, % of all pages", title=name)
    axes.grid(alpha=0.3)
panels[0].set_ylabel("page hit ratio, %")
_ = panels[0].legend(frameon=False)

# %% [markdown]
# CLOCK stays close to LRU, with one bit a page instead of two links. To use the file anywhere: `kvreplay replay TRACE
# --policy ./clock.py`, or `policy: [lru, ./clock.py]` in an experiment. Parameters are keyword-only arguments of
# `init` with defaults, and are set as `./clock.py:bits=2` or `{name: ./clock.py, bits: [1, 2]}`.
