# %% [markdown]
# # What does sharing pages save?
#
# Many requests begin alike: a system prompt, the turns before, four samples of one question. Their KV pages are the
# same bytes, so one copy serves all, until one of them writes: then it gets a copy of *that page*. This notebook looks
# at one fork page by page, and then at an hour of traffic.

# %%
import matplotlib.pyplot as plt
import numpy as np

import kvreplay as kv
from kvreplay.simulator.caches.pages import PagedSequences, PagePool, PrefixCache
from kvreplay.traces import TraceError

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## One prompt, four samples
# A pool of 40 pages of 16 tokens, and a prompt of 72 tokens: four full pages, and one with 8 tokens in it. `fork` makes
# a sequence that has the same pages; nothing is copied yet.

# %%
pool = PagePool(40)
sequences = PagedSequences(pool, PrefixCache(40, "lru", page_tokens=16, pool=pool))
parent = sequences.admit(np.arange(72, dtype=np.uint32))
samples = [parent, *(sequences.fork(parent) for _ in range(3))]
before = [pool.read(sample.ids).tolist() for sample in samples]


def draw(axes, tables, title):
    """A row for each sequence, a square for each page; the same color and number are the same page of memory."""
    for row, table in enumerate(tables):
        for column, page in enumerate(table):
            shared = sum(page in other for other in tables)
            axes.add_patch(plt.Rectangle((column, -row), 0.92, 0.85, color=plt.cm.Blues(0.15 + 0.2 * (shared - 1))))
            axes.text(
                column + 0.46, -row + 0.42, page, ha="center", va="center", color="white" if shared > 2 else "black"
            )
    axes.set(xlim=(0, max(map(len, tables))), ylim=(1 - len(tables), 1), xticks=[], yticks=[], title=title)
    axes.set_ylabel("sequences")


for step, sample in enumerate(samples):
    sequences.grow(sample, np.full(12, 100 + step, dtype=np.uint32))  # each goes its own way
after = [pool.read(sample.ids).tolist() for sample in samples]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), width_ratios=[5, 6])
draw(left, before, "after the fork: one copy of everything")
draw(right, after, "after 12 tokens each: the last page was copied")
figure.tight_layout()

# %% [markdown]
# The dark pages are shared by all four. Only the page that was half full was copied, when a sequence first wrote
# into it; the last of them found itself alone and wrote in place.

# %%
stats = pool.stats()
print(stats)
held = {page for table in after for page in table}
print(f"pages that the four sequences see: {sum(map(len, after))}, pages held: {len(held)}")

# %% [markdown]
# ## An hour of conversations
# `replay_concurrent` lets requests overlap: 64 at once, each with several samples, growing token by token, preempted
# where pages run out. *Logical* pages are what they would take without sharing.

# %%
try:
    trace = kv.load("mooncake-conversation")
except TraceError:
    print("mooncake-conversation is not here: generated conversations stand in, and figures differ")
    trace = kv.generate("conversation", sessions=800)
runs = [kv.replay_concurrent(trace, "lru", 3_000, at_once=64, samples=n) for n in (1, 2, 4)]

figure, axes = plt.subplots(figsize=(6.5, 3.6))
places = np.arange(len(runs))
axes.bar(places - 0.2, [run.mean_logical for run in runs], 0.4, color="lightsteelblue", label="without sharing")
axes.bar(places + 0.2, [run.mean_held for run in runs], 0.4, color="tab:blue", label="held")
for place, run in zip(places, runs, strict=True):
    axes.text(place, run.mean_logical, f"{100 * run.saved:.0f} % saved", ha="center", va="bottom")
axes.set(
    xticks=places, xticklabels=[run.samples for run in runs], xlabel="samples of each request", ylabel="pages, mean"
)
axes.margins(y=0.1)
axes.set_title("Memory of 64 requests at once")
_ = axes.legend(frameon=False, loc="upper left")

# %% [markdown]
# Even a single sample shares: prompts of one conversation repeat the turns before. The copies that copy-on-write costs
# are one page for each sample but the last:

# %%
for run in runs:
    print(f"{run.samples} samples: {run.copies:,} pages copied, {run.copies / run.requests:.2f} a request")
