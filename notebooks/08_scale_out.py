# %% [markdown]
# # From one core to many: grids, samples, and traces without end
#
# A grid of cells is the easy kind of parallel: every cell is a replay of its own. This notebook plans a grid before it
# runs, takes a trace apart that would be too long for one pass, and replays requests that are never stored.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

import kvreplay as kv

plt.rcParams["figure.dpi"] = 110
TRACE = {"generate": "zipf", "requests": 400_000, "keys": 40_000}

# %% [markdown]
# ## The whole, and ten parts of it
# `sample: 0.1` with `part: 0..9` splits the *pages* by a hash into ten parts, and every part's accesses are a trace of
# their own, for a cache a tenth the size. Ten machines may replay one each. Every access is in one part, so the sum is
# an estimate of the whole, in which only the smallness of the caches is wrong.

# %%
grid = {"policy": ["lru", "s3-fifo", "arc"], "capacity": ["0.5%", "1%", "3%", "10%", "30%"]}
whole = kv.run({"name": "whole", "trace": TRACE, **grid}, out="../results/notebook-whole").rows
split = {**TRACE, "sample": 0.1, "part": list(range(10))}
parts = kv.run({"name": "parts", "trace": split, **grid}, out="../results/notebook-parts").rows

by = ["policy", pl.col("capacity_share").round(3)]
summed = parts.group_by(by).agg(parts=pl.col("hits").sum() / pl.col("pages").sum())
one = pl.col("hits") / pl.col("pages")
spread = parts.group_by(by).agg(low=one.min(), high=one.max())
both = (
    whole.select(*by, whole="hit_ratio")
    .join(summed, on=["policy", "capacity_share"])
    .join(spread, on=["policy", "capacity_share"])
)
both = both.with_columns(points=100 * (pl.col("parts") - pl.col("whole"))).sort("policy", "capacity_share")

figure, axes = plt.subplots(figsize=(7, 4))
for color, policy in zip(("tab:blue", "tab:purple", "tab:green"), grid["policy"], strict=True):
    curve = both.filter(policy=policy)
    share = 100 * curve["capacity_share"]
    axes.plot(share, 100 * curve["whole"], color=color, label=policy)
    axes.plot(share, 100 * curve["parts"], "o", color=color)
    axes.fill_between(share, 100 * curve["low"], 100 * curve["high"], color=color, alpha=0.12)
axes.set_xscale("log")
axes.set_xticks([0.5, 1, 3, 10, 30], labels=["0.5", "1", "3", "10", "30"])
axes.set(xlabel="capacity, % of all pages", ylabel="page hit ratio, %")
axes.set_title("Lines: the whole. Dots: the sum of ten parts. Bands: single parts")
axes.grid(alpha=0.3)
_ = axes.legend(frameon=False)

# %%
print(
    f"largest error of the sum: {both['points'].abs().max():.2f} points; of a single part: "
    f"{100 * max((both['high'] - both['whole']).max(), (both['whole'] - both['low']).max()):.1f} points"
)

# %% [markdown]
# The sum is off by a point where a part's cache has twenty pages, and by next to nothing where it has hundreds. One
# part alone tells little of traffic as skewed as this, because a few hot pages are in it or are not. So take all parts,
# or what each row tells of the whole trace and how sure that is: `whole_hit_ratio` and `half_width`.

# %% [markdown]
# ## Requests that are never stored
# `zipf_stream` makes requests while they are replayed. The time grows with their number, the memory does not.

# %%
lengths, seconds = [250_000, 500_000, 1_000_000, 2_000_000], []
stream = {"keys": 100_000, "skew": 1.0}
kv.replay(kv.generate("zipf_stream", requests=1_000, **stream), "lru", 100)  # compiles, or loads what was compiled
for requests in lengths:
    trace = kv.generate("zipf_stream", requests=requests, **stream)
    start = time.process_time()
    result = kv.replay(trace, "lru", "10%")
    seconds.append(time.process_time() - start)
    print(f"{requests:>9,} requests: page hit ratio {100 * result.row['hit_ratio']:.2f} %")

# %%
figure, axes = plt.subplots(figsize=(5.5, 3.4))
axes.plot(np.array(lengths) / 1e6, seconds, "-o")
axes.set(xlabel="million requests", ylabel="CPU seconds, measured", xlim=0, ylim=0, title="Generated and replayed")
axes.grid(alpha=0.3)

# %% [markdown]
# The same YAML runs on a cluster: `kvreplay run FILE --engine ray --address HEAD:6379`, bit for bit with the same rows.
# `docs/scaling.md` has the measured table, and what 10^12 requests would take.
