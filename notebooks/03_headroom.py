# %% [markdown]
# # Where is the headroom, and what closes it?
#
# On real LLM traffic LRU hits far less than the offline optimum does with the same memory. This notebook measures the
# gap on two public traces, looks in the traces for its cause, and shows what an online policy can do about it:
# `gittins` and `adaptive`. Every hit ratio here is a *page hit ratio*, each page taken for itself.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl

import kvreplay as kv
from kvreplay.policies import get
from kvreplay.simulator.replay.cell import Cell
from kvreplay.traces import TraceError

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## Two kinds of traffic
# *Conversation*: one hour of chats with Kimi, the Mooncake trace. *Agentic*: 40 coding agents at work, from WEKA's
# traces; every step reads the whole context again. `kvreplay traces info NAME` tells more of each. Where a trace is not
# at hand, generated traffic of its kind stands in; the text below is about the real ones.


# %%
def load_or_generate(name, workload, **knobs):
    try:
        return kv.load(name)
    except TraceError:
        print(f"{name} is not here: generated `{workload}` traffic stands in, and figures differ from the real trace's")
        return kv.generate(workload, seed=1, **knobs)


traces = {
    "conversation": load_or_generate("mooncake-conversation", "conversation", sessions=2000),
    "agentic": load_or_generate("weka-agentic-40", "agent", sessions=200),
}
for trace in traces.values():
    print(
        f"{trace.name}: {trace.n_requests:,} requests, {trace.n_accesses:,} page accesses, "
        f"{trace.n_accesses / trace.n_requests:,.0f} a request, {trace.n_pages:,} pages"
    )

# %% [markdown]
# ## The gap
# Page hit ratios by capacity. Belady's MIN with bypass (`belady-bypass`) knows the future, and no cache hits more
# pages. The shaded area between it and LRU is the headroom.

# %%
CAPACITIES = [1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 40_000]  # pages
SINGLE = ["lru", "fifo", "lfu", "arc", "lirs", "s3-fifo", "w-tinylfu", "gittins"]


def measure(trace, capacities):
    """Page hits of every policy at every capacity, by half of the requests; the cache is kept from half to half."""
    rows = []
    for result in kv.sweep(trace, [*SINGLE, "adaptive", "belady-bypass"], capacities, windows=2):
        row = result.row
        for half, hits, pages in zip(("first", "second"), row["series_hits"], row["series_pages"], strict=True):
            rows.append((row["policy"], row["capacity"], half, hits, pages))
    return pl.DataFrame(rows, schema=["policy", "capacity", "half", "hits", "pages"], orient="row")


def ratios(rows, policy):
    """(capacities,) float64: page hit ratios, from the least capacity."""
    total = rows.filter(policy=policy).group_by("capacity").agg(pl.col("hits", "pages").sum()).sort("capacity")
    return (total["hits"] / total["pages"]).to_numpy()


measured = {name: measure(trace, CAPACITIES) for name, trace in traces.items()}

# %%
STYLES = {
    "belady-bypass": "k-",
    "gittins": "C3-o",
    "lru": "C0-",
    "fifo": "C7--",
    "lfu": "C1-",
    "arc": "C2--",
    "lirs": "C4--",
}
figure, panels = plt.subplots(1, 2, figsize=(10, 4.2))
for axes, (name, rows) in zip(panels, measured.items(), strict=True):
    best, lru = 100 * ratios(rows, "belady-bypass"), 100 * ratios(rows, "lru")
    axes.fill_between(CAPACITIES, lru, best, color="C0", alpha=0.12, label="headroom of LRU")
    for policy, style in STYLES.items():
        axes.plot(CAPACITIES, 100 * ratios(rows, policy), style, label=policy, markersize=4)
    axes.set(xscale="log", xlabel="capacity, pages", title=name, ylim=0)
    axes.grid(alpha=0.3)
    widest = int(np.argmax(best - lru))
    print(
        f"{name}: the headroom is widest at {CAPACITIES[widest]:,} pages, "
        f"LRU {lru[widest]:.1f} %, optimum {best[widest]:.1f} %"
    )
panels[0].set_ylabel("page hit ratio, %")
_ = panels[1].legend(loc="center right", frameon=False, fontsize=8)

# %% [markdown]
# ## Why: nothing comes back at once
# LRU bets that what was used last is used next. People read the answer before they write again, and agents wait for
# their tools: a page has to grow some age before a use of it is likely. Age is counted in page accesses since the last
# use, as that is what keeping a page costs: the place could have served others meanwhile.


# %%
def uses_of(trace):
    """A row for every page access: how many uses the page has had, how long to the next (or to the trace's end)."""
    accesses = pl.DataFrame({"page": trace.pages, "at": np.arange(trace.n_accesses)})
    next_use = pl.col("at").shift(-1).over("page")
    return accesses.with_columns(
        use=pl.int_range(1, pl.len() + 1).over("page"),
        again=next_use.is_not_null(),
        age=next_use.fill_null(trace.n_accesses) - pl.col("at"),
    )


CLASSES = {"1 use": (1, 1), "2 to 3": (2, 3), "4 to 7": (4, 7), "8 and more": (8, 2**31)}
uses = {name: uses_of(trace) for name, trace in traces.items()}
for name, trace in traces.items():
    per_request = trace.n_accesses / trace.n_requests
    for label, (low, high) in CLASSES.items():
        of_class = uses[name].filter(pl.col("use").is_between(low, high))
        back = of_class.filter("again")["age"] / per_request
        tenth, half, most = (back.quantile(q) for q in (0.1, 0.5, 0.9))
        print(
            f"{name:12} pages of {label:10}: {100 * of_class['again'].mean():5.1f} % are used again, "
            f"after {tenth:5.1f} (10 %), {half:6.1f} (50 %), {most:8.1f} (90 %) requests' worth of accesses"
        )

# %% [markdown]
# The hazard tells it best: of the pages that reached an age without a use, how many are used within the next thousand
# accesses? The trace's end cuts some waits short; those count as waited, not as never used. Dotted lines mark the age
# at which LRU gives a page up: when as many other pages as it has room for have been used.


# %%
def hazard(of_class, edges):
    """(bins,) float64: uses per access waited at ages in each bin; NaN where fewer than 50 pages get that old."""
    age = np.sort(of_class["age"].to_numpy())
    waited = np.concatenate([[0], np.cumsum(age)])
    below = np.searchsorted(age, edges)
    lived = waited[below] + edges * (len(age) - below)  # accesses waited up to each edge, all pages together
    used = np.histogram(of_class.filter("again")["age"].to_numpy(), edges)[0]
    return np.where(len(age) - below[1:] >= 50, used / np.diff(lived), np.nan)


def lru_age(trace, accesses, capacity):
    """Accesses until `capacity` distinct pages were used: the median over starts throughout the trace's first half."""
    before = accesses.select(pl.col("at").shift(1).over("page").fill_null(-1)).to_series().to_numpy()
    starts = np.linspace(0, trace.n_accesses // 2, 20).astype(int)
    return np.median([np.flatnonzero(before[start:] < start)[capacity - 1] for start in starts])


figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True)
edges = np.geomspace(100, 200_000, 32)
for axes, (name, trace) in zip(panels, traces.items(), strict=True):
    for label, (low, high) in CLASSES.items():
        of_class = uses[name].filter(pl.col("use").is_between(low, high))
        axes.stairs(1000 * hazard(of_class, edges), edges, label=label, linewidth=1.5)
    for capacity in (1_000, 3_000, 10_000):
        age = lru_age(trace, uses[name], capacity)
        axes.axvline(age, color="black", linestyle=":", linewidth=1)
        axes.text(age, 1.2e-4, f"LRU, {capacity:,}", rotation=90, ha="right", fontsize=8)
        sooner = (uses[name].filter("again")["age"] <= age).mean()
        print(f"{name}: LRU with {capacity:,} pages waits {age:,.0f} accesses; {sooner:.1%} of all reuses come sooner")
    axes.set(xscale="log", yscale="log", ylim=(1e-4, 1), xlabel="age, page accesses since the last use", title=name)
    axes.grid(alpha=0.3)
panels[0].set_ylabel("uses per 1,000 accesses waited")
_ = panels[1].legend(title="uses so far", frameon=False, fontsize=8)

# %% [markdown]
# In conversations the hazard is low while the user reads and types, has its peak after that, and fades as people leave;
# only the few pages that all share, system prompts, are used at once. A small LRU cache gives every page up on the
# rising flank, just before it pays. Each use so far raises the whole curve. Agents come back sooner, and hardly care
# how often a page was used: a step reads the whole context again, so with less room than a few contexts LRU holds each
# page until shortly before its turn, as in a loop. FIFO has the same flaw, and does not see uses besides.
#
# ## Why not count uses?
# A page that was used often will likely be used again, which is what LFU goes by. But a count never falls.

# %%
PAGES = {"conversation": 3_000, "agentic": 20_000}  # the capacities looked at


def still_useful(trace, at, capacity):
    """Of the `capacity` pages most used before access `at`, and of those last used: the shares that are used later."""
    counts = np.bincount(trace.pages[:at], minlength=trace.n_pages)
    last, final = np.zeros((2, trace.n_pages), np.int64)
    last[trace.pages[:at]] = np.arange(1, at + 1)
    final[trace.pages] = np.arange(trace.n_accesses)
    kept = min(capacity, np.count_nonzero(counts))  # no more than were seen by then
    return [(final[np.argsort(-key, kind="stable")[:kept]] >= at).mean() for key in (counts, last)]


figure, (chance, alive, time) = plt.subplots(1, 3, figsize=(13, 4))
for color, (name, trace) in zip(("C0", "C3"), traces.items(), strict=True):
    doublings = uses[name].with_columns(use=2 ** np.log2(uses[name]["use"].to_numpy()).astype(np.int64))  # 1, 2, 4, ...
    by_use = doublings.group_by("use").agg(pl.col("again").mean(), pages=pl.col("page").n_unique())
    by_use = by_use.filter(pl.col("pages") >= 100).sort("use")
    chance.plot(by_use["use"], 100 * by_use["again"], "-o", color=color, markersize=4, label=name)
    once, often, number = by_use["again"][0], by_use["again"][-1], by_use["use"][-1]
    print(f"{name}: a page's first use is followed by another in {once:.1%} of cases,")
    print(f"    uses number {number} to {2 * number - 1} in {often:.1%}")
    at = np.linspace(0.1, 0.9, 9)
    shares = np.array([still_useful(trace, int(share * trace.n_accesses), PAGES[name]) for share in at])
    alive.plot(100 * at, 100 * shares[:, 0], "-", color=color, label=f"{name}: the {PAGES[name]:,} most used")
    alive.plot(100 * at, 100 * shares[:, 1], "--", color=color, label=f"{name}: the {PAGES[name]:,} last used")
for policy in ("lru", "lfuda", "lfu"):
    row = kv.replay(traces["agentic"], policy, PAGES["agentic"], windows=50).row
    series = 100 * np.array(row["series_hits"]) / row["series_pages"]
    time.plot(np.linspace(1, 99, 50), series, STYLES.get(policy, "C2--"), label=policy)
    print(f"agentic, {PAGES['agentic']:,} pages, {policy}: {100 * row['hit_ratio']:.1f} %")
chance.set(xscale="log", xlabel="uses so far", ylabel="used again, %", title="chance of another use", ylim=(0, 102))
alive.set(
    xlabel="position in the trace, %", ylabel="used later on, %", title="what counts and recency keep", ylim=(0, 102)
)
time.set(xlabel="requests, %", ylabel="page hit ratio, %", title=f"agentic, {PAGES['agentic']:,} pages", ylim=(0, 102))
for axes in (chance, alive, time):
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
figure.tight_layout()

# %% [markdown]
# A finished agent's context was read so often that its pages outrank all that live agents read: LFU fills up with the
# dead, and what comes in new has the lowest count and leaves first. `lfuda`, the same counts with ageing, is spared the
# worst. In conversations counts grow slowly, and are about as good a guide as recency. Popularity and age have to be
# weighed against each other, and the right weights differ from trace to trace.
#
# ## Learning the hazard: `gittins`
# `gittins` draws the pictures above while it runs: uses and waits by age, in classes by the number of uses so far. From
# them it computes the best rate of hits per access of waiting that a page of each class and age promises, and evicts
# the page that promises least. Here is what it had learned at the end of each trace.

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True)
for axes, (name, trace) in zip(panels, traces.items(), strict=True):
    cell = Cell(trace, get("gittins"), PAGES[name])  # what replay() runs, with the policy's state at hand
    for _ in cell.chunks(1):
        pass
    width = int(cell.state.clock[1])  # accesses in a unit of age
    for number, label in ((0, "1"), (1, "2 to 3"), (2, "4 to 7"), (3, "8 to 15")):
        axes.stairs(1000 * cell.state.worth[number] / width, cell.state.edges * width, label=label, linewidth=1.5)
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(100, 200_000),
        ylim=(1e-4, 1),
        xlabel="age, page accesses since the last use",
        title=f"{name}, {PAGES[name]:,} pages",
    )
    axes.grid(alpha=0.3)
panels[0].set_ylabel("index: hits per 1,000 accesses of waiting")
_ = panels[1].legend(title="uses so far", frameon=False, fontsize=8)

# %% [markdown]
# The index rises to the age at which uses come and falls behind it, so the victim within a class is its youngest or its
# oldest page. In conversations the classes lie apart: a page that was used many times is kept for long, and a new one
# has to make way even when it was used last. Among agents they lie together, and with this much room the index mostly
# falls with age: there `gittins` orders pages much as LRU does.
#
# ## How much of the way does it close?
# 0 is LRU, 100 % the optimum, below 0 worse than LRU. The constants of `gittins` were chosen on the first half of each
# trace, so the second half is the judge: every cache starts it as the first half left it, and only its accesses count.
# The optimum may start it with whatever pages of the first half serve it best. Where LRU is within a tenth of
# a point of the optimum there is no way to speak of; lines that leave the picture are far below LRU.


# %%
def optimum(trace, half, capacity):
    """The most page hits that any cache can have in one half of the requests."""
    middle = trace.offsets[trace.n_requests // 2]
    if half == "first":
        pages = trace.pages[:middle]
    else:  # each page of the first half once, to be kept or not: that makes no hits
        pages = np.concatenate([np.unique(trace.pages[:middle]), trace.pages[middle:]])
    return kv.bounds(kv.Trace(f"{half} half", pages, int(pages.max()) + 1), capacity)["hits"].upper


figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True)
closed = {}
for axes, (name, rows) in zip(panels, measured.items(), strict=True):
    for half, style in (("first", ":"), ("second", "-")):
        best = np.array([optimum(traces[name], half, capacity) for capacity in CAPACITIES])
        hits = {policy: rows.filter(policy=policy, half=half)["hits"].to_numpy() for policy in SINGLE}
        pages = rows.filter(policy="lru", half=half)["pages"].to_numpy()
        way = np.where(best - hits["lru"] > pages / 1000, best - hits["lru"], np.nan)
        for policy in ("gittins", "lirs", "arc"):
            share = 100 * (hits[policy] - hits["lru"]) / way
            axes.plot(CAPACITIES, share, STYLES[policy][:2] + style, label=f"{policy}, {half} half")
        gain = hits["gittins"] - hits["lru"]
        closed[name, half, "LRU, %"] = 100 * hits["lru"] / pages
        closed[name, half, "way to the optimum, points"] = 100 * (best - hits["lru"]) / pages
        closed[name, half, "gittins gains, points"] = 100 * gain / pages
        closed[name, half, "of the way, %"] = 100 * gain / way
    axes.axhline(0, color="C0", linewidth=1)
    axes.set(xscale="log", xlabel="capacity, pages", title=name)
    axes.grid(alpha=0.3)
panels[0].set(ylabel="share of the way from LRU to the optimum, %", ylim=(-60, 80))
_ = panels[1].legend(frameon=False, fontsize=8)

# %% [markdown]
# In small caches LIRS gets about as far, among agents farther, but in large ones it falls far behind LRU; `gittins`
# stays near it. The same in points: where the way is short, a large share is little, for better or worse.

# %%
print(pd.DataFrame(closed, index=CAPACITIES).T.to_string(float_format="%.2f", na_rep="–"))

# %% [markdown]
# ## One policy for all traffic: `adaptive`
# Nobody knows beforehand which policy suits. `adaptive` follows whichever does best in ghost caches beside it. The
# table has its page hit ratio less that of the best single policy, in points, and which that was: above 0 it is ahead
# of all of them. Real traces are counted in their second half, generated ones as a whole.

# %%
WORKLOADS = ("repetitive", "paraphrased", "diverse", "system_prompt")
SHARES = ("1%", "3%", "10%", "30%")


def lead(rows):
    """By capacity: adaptive's lead over the best single policy in points, and that policy."""
    rows = rows.group_by("policy", "capacity").agg(pl.col("hits", "pages").sum())
    rows = rows.with_columns(ratio=100 * pl.col("hits") / pl.col("pages"))
    best = rows.filter(pl.col("policy").is_in(SINGLE)).sort("ratio", "policy").group_by("capacity").last()
    both = rows.filter(policy="adaptive").join(best, on="capacity", suffix="_best").sort("capacity")
    return [f"{a - b:+.2f} {name}" for a, b, name in both.select("ratio", "ratio_best", "policy_best").iter_rows()]


print("single policies:", ", ".join(SINGLE))
generated = {name: lead(measure(kv.generate(name, seed=1), SHARES)) for name in WORKLOADS}
print(pd.DataFrame(generated, index=SHARES).T.to_string())

# %%
real = {name: lead(rows.filter(half="second")) for name, rows in measured.items()}
print(pd.DataFrame(real, index=CAPACITIES).T.to_string())
