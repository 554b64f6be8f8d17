# %% [markdown]
# # Which cache policy suits which traffic?
#
# An LLM server keeps the KV pages of past prompts, so that the next request with the same beginning need not compute
# them again. The cache is too small for all of them. *Which page should leave?* This notebook makes traffic, replays
# it against eviction policies, and looks at the answer.

# %%
import matplotlib.pyplot as plt

import kvreplay as kv

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## Traffic
# A `Trace` is columns: which pages each request reads, when, how many tokens. Two requests share a page exactly when
# they share the whole prompt up to that page's end. Here 400 people chat: every turn reads all the turns before it.

# %%
chat = kv.generate("conversation", sessions=400, seed=1)
print(chat)
chat.prompt_tokens[:10], chat.pages[chat.offsets[3] : chat.offsets[4]][:10]

# %% [markdown]
# ## One replay
# A cache of 5 % of all pages, and the policy that everybody starts with. `row` is what the cell came to, the same on
# every machine. Each ratio says what it counts: page accesses, contiguous prefixes, prompt tokens, or requests.

# %%
row = kv.replay(chat, "lru", "5%").row
{name: row[name] for name in row if name in ("capacity", "hits", "evictions") or name.endswith("hit_ratio")}

# %% [markdown]
# ## The whole curve
# LRU's hits at *every* capacity come out of a single pass. Belady's MIN knows the future and cannot be beaten; the
# distance to it is what a cleverer policy could win.

# %%
figure, axes = plt.subplots(figsize=(7, 4))
for policy, color in [("belady", "black"), ("lru", "tab:blue"), ("s3-fifo", "tab:purple"), ("lfu", "tab:orange")]:
    curve = kv.curve(chat, policy)
    axes.plot(100 * curve.capacity / chat.n_pages, 100 * curve.hit_ratio, color=color, label=policy)
axes.set(xscale="log", xlabel="capacity, % of all pages", ylabel="page hit ratio, %", title="400 conversations")
axes.grid(alpha=0.3)
_ = axes.legend(frameon=False)

# %% [markdown]
# Counting uses (LFU) is a bad idea for conversations: yesterday's popular pages never leave, and today's never get
# popular. Recency is a good one, as people answer soon or never.

# %% [markdown]
# ## An experiment
# The same as a grid: any value may be a list, and the cells are the product. This is what a YAML file says, as a
# dictionary.

# %%
experiment = {
    "name": "notebook",
    "trace": [
        {"generate": "conversation", "sessions": 300},
        {"generate": "agent", "sessions": 40},
        {"generate": "repetitive", "requests": 8000, "questions": 600},
        {"generate": "mix", "requests": 30000, "parts": [{"workload": "zipf", "weight": 3}, {"workload": "scan"}]},
    ],
    "policy": ["lru", "lfu", "sieve", "s3-fifo", "w-tinylfu", "adaptive", "belady"],
    "capacity": ["1%", "3%", "10%", "30%"],
}
results = kv.run(experiment, out="../results/notebook")
results.rows.select("trace", "policy", "capacity", "hit_ratio", "prefix_hit_ratio").sample(5, seed=1)

# %%
kv.plot(results, "capacity")

# %% [markdown]
# How much of LRU's distance to the optimum does each policy cover? Above 0 it is better than LRU, below worse.

# %%
kv.plot(results, "heat-map")

# %% [markdown]
# No policy wins everywhere. Is a difference real, or would another stretch of the same traffic have turned it?
# `compare` pairs the two policies block by block and gives a 95 % interval; only what lies outside of it is called a
# win.

# %%
comparison = kv.compare(results, policies=("lru", "s3-fifo"), metrics=["hit_ratio"])
for d in comparison.differences:
    width = "" if d.half_width is None else f"± {100 * d.half_width:.2f}"
    print(f"{d.trace[:24]:24} {d.capacity:>7,} pages: {100 * d.difference:+6.2f} {width:8} points  {d.verdict}")

# %% [markdown]
# The results are ordinary tables: `results.rows` for Polars, `results.to_pandas()` for pandas. The same run from a
# shell is `kvreplay run experiments/quickstart.yaml`, and leaves a `report.html` beside the rows.

# %%
frame = results.to_pandas()
frame = frame[frame.capacity_share.between(0.09, 0.11)]  # 10 %
(100 * frame.pivot(index="policy", columns="trace", values="hit_ratio")).round(1)
