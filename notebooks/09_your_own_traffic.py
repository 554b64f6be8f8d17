# %% [markdown]
# # Reading your own traffic
#
# Your server's log is worth more than any public trace. This notebook goes from a log of prompts to an answer: what the
# log holds for a cache, which policy, which size. The log here is made up on the spot; put in your own.

# %%
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import kvreplay as kv

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## A log
# One JSON object a line, with a prompt or the messages of a chat, and when it came if that is known: what most
# gateways write. (Also understood: Mooncake's and Bailian's JSONL with hashes instead of texts, Azure's and BurstGPT's
# CSV, plain keys, Parquet. `kvreplay traces formats` lists them; `kvreplay record` makes one from a server's traffic.)

# %%
rng = np.random.default_rng(7)
words = np.array(["cache", "page", "token", "prefix", "model", "batch", "queue", "layer", "head", "block", "key"])
systems = [" ".join(rng.choice(words, rng.integers(100, 500))) for _ in range(6)]
folder = Path(tempfile.mkdtemp())
log = folder / "chats.jsonl"
clock, users = 0.0, {}
with log.open("w") as lines:
    for _ in range(1500):
        clock += rng.exponential(2.0)
        user = int(rng.zipf(1.4)) % 200
        messages = users.setdefault(user, [{"role": "system", "content": systems[user % 6]}])
        messages.append({"role": "user", "content": " ".join(rng.choice(words, rng.integers(5, 80)))})
        lines.write(json.dumps({"timestamp": round(clock, 3), "messages": messages}) + "\n")
        messages.append({"role": "assistant", "content": " ".join(rng.choice(words, rng.integers(20, 150)))})
        if len(messages) > 12:
            users.pop(user)  # starts anew the next time
print(log.read_text()[:150], "…")

# %% [markdown]
# ## Read it
# The format is told from the content. Prompts become tokens, by words here; give your model's tokenizer as `tokenizer=`
# for exact figures. Then they become pages: equal exactly where everything before is equal, too.

# %%
trace = kv.load(log, page_tokens=16)
print(trace)
depth = np.diff(trace.offsets)
seen = np.zeros(trace.n_pages, bool)
again = np.empty(trace.n_requests)
for number, (start, stop) in enumerate(zip(trace.offsets[:-1], trace.offsets[1:], strict=True)):
    pages = trace.pages[start:stop]
    again[number] = seen[pages].sum()
    seen[pages] = True

figure, axes = plt.subplots(figsize=(7.5, 3.5))
axes.scatter(range(trace.n_requests), depth, s=4, color="lightgray", label="pages of the prompt")
axes.scatter(range(trace.n_requests), again, s=4, color="tab:blue", label="of them seen before")
axes.set(
    xlabel="request", ylabel="pages", title=f"{100 * again.sum() / depth.sum():.0f} % of all pages were seen before"
)
_ = axes.legend(frameon=False, loc="upper left", markerscale=3)
axes.margins(y=0.25)

# %% [markdown]
# `kvreplay traces info chats.jsonl` tells more: how soon pages come again, working sets, the shape of the prefix tree.

# %% [markdown]
# ## Which policy, which size?
# In the reading that servers have: only the contiguous prefix hits. The dashed line is the offline optimum.

# %%
rows = kv.run(
    {
        "name": "mine",
        "trace": {"load": str(log), "page_tokens": 16},
        "policy": ["lru", "s3-fifo", "arc", "gittins", "belady-bypass"],
        "capacity": ["2%", "5%", "10%", "20%", "40%"],
        "reading": "prefix",
    },
    out=folder / "results",
).rows

figure, axes = plt.subplots(figsize=(7, 4))
for policy in rows["policy"].unique(maintain_order=True):
    part = rows.filter(policy=policy).sort("capacity")
    style = {"color": "black", "ls": "--"} if policy == "belady-bypass" else {"marker": "o"}
    axes.plot(part["capacity"], 100 * part["token_hit_ratio"], label=policy, **style)
axes.set_xscale("log")
axes.set_xticks(rows["capacity"].unique(), labels=[f"{n:,}" for n in rows["capacity"].unique()])
axes.minorticks_off()
axes.set(xlabel="capacity, pages of 16 tokens", ylabel="token hit ratio, %", title="Prefix pages")
axes.grid(alpha=0.3)
_ = axes.legend(frameon=False)

# %% [markdown]
# ## Is the difference real?
# Paired over stretches of the log, with a 95 % interval. Only what lies outside it is called a win.

# %%
comparison = kv.compare(kv.open_results(folder / "results"), policies=("lru", "gittins"), metrics=["token_hit_ratio"])
for d in comparison.differences:
    width = "" if d.half_width is None else f"± {100 * d.half_width:.2f}"
    print(f"{d.capacity:>6,} pages: {100 * d.difference:+6.2f} {width:8} points  {d.verdict}")
