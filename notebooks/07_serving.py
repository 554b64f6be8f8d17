# %% [markdown]
# # From hits to seconds: the knee, the SLO, and a second tier
#
# Hit ratios are not what users feel. This notebook puts a clock on them: replicas of an 8B model serve an hour of
# traffic, and we look for the load at which they give up, for what a better router brings, and for what host memory
# behind the GPU's is worth. Everything here is *modelled*, from the step costs in `simulator/serving/hardware.yaml`.

# %%
import matplotlib.pyplot as plt

import kvreplay as kv
from kvreplay.traces import TraceError

plt.rcParams["figure.dpi"] = 110
try:
    trace = kv.load("mooncake-conversation")
except TraceError:
    print("mooncake-conversation is not here: generated conversations stand in, and figures differ")
    trace = kv.generate("conversation", sessions=800)
SERVER = {"model": "llama-3.1-8b", "device": "h100", "replicas": 4, "slo_ttft": 2}

# %% [markdown]
# ## The knee
# The same requests, faster and faster (`rate` 2 is the trace's clock at twice its pace). Up to the knee throughput
# follows the load and waiting hardly grows; beyond it the queue never empties. Such a run is called *unstable*, and
# gets no latency: it would only say how long we looked.

# %%
RATES = [0.5, 1, 1.4, 1.7, 1.9, 2.1]  # times the trace's own 3.4 requests/s
ROUTERS = {"round-robin": "tab:gray", "cache-load": "tab:blue"}
runs = {router: [kv.simulate(trace, router=router, rate=rate, **SERVER).row for rate in RATES] for router in ROUTERS}

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
for router, color in ROUTERS.items():
    stable = [row for row in runs[router] if row["verdict"] == "stable"]
    rates = [row["offered_requests_per_second"] for row in stable]
    left.plot(rates, [row["goodput"] for row in stable], "-o", color=color, label=router)
    right.plot(rates, [row["ttft_p50"] for row in stable], "-o", color=color, label=f"{router}, median")
    right.plot(rates, [row["ttft_p99"] for row in stable], "--", color=color, label=f"{router}, p99")
offered = [row["offered_requests_per_second"] for row in runs["cache-load"]]
left.plot(offered, offered, ":", color="black", label="all that is offered")
left.set(xlabel="offered, requests/s", ylabel="within 2 s to the first token, requests/s", title="Goodput", ylim=0)
right.axhline(SERVER["slo_ttft"], color="tab:red", lw=1)
right.set(xlabel="offered, requests/s", ylabel="seconds to the first token", yscale="log", title="Waiting")
right.set_yticks([0.3, 1, 3, 10], labels=["0.3", "1", "3", "10"])
right.minorticks_off()
for axes in (left, right):
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
figure.tight_layout()

# %%
for router, rows in runs.items():
    last = max((row["offered_requests_per_second"] for row in rows if row["verdict"] == "stable"), default=None)
    print(f"{router}: stable up to {last:.2f} requests/s of those tried")

# %% [markdown]
# ## Where the second goes
# One run, request by request: how long each waited in the queue and how long its prompt was computed. Long prompts
# are few, and everybody behind them waits.

# %%
run = kv.simulate(trace, router="cache-load", rate=0.9, **SERVER)
requests = run.requests
requests.head(3)

# %%
figure, axes = plt.subplots(figsize=(7, 3.8))
ttft = requests["ttft"].sort()
queue = requests["queueing"].sort()
for values, label, color in ((queue, "in the queue", "tab:orange"), (ttft, "to the first token", "tab:blue")):
    axes.plot(values, [100 * (i + 1) / len(values) for i in range(len(values))], color=color, label=label)
axes.axvline(SERVER["slo_ttft"], color="tab:red", lw=1)
axes.set_xscale("log")
axes.set_xticks([0.01, 0.1, 1, 10], labels=["0.01", "0.1", "1", "10"])
axes.set(xlim=0.01, xlabel="seconds", ylabel="% of the requests", title="At nine tenths of the trace's pace")
axes.grid(alpha=0.3)
_ = axes.legend(frameon=False)

# %% [markdown]
# ## Memory behind the device's
# Pages that leave the GPU's memory may wait in the host's and then on an SSD, and come back over their links where that
# is quicker than computing them again. Prompt tokens found on the device, loaded from below, and time to the first
# token:

# %%
TIERS = {
    "device only": [],
    "host 100 GiB": [{"host": {"gib": 100}}],
    "host 800 GiB": [{"host": {"gib": 800}}],
    "host 100 GiB, SSD 2,000 GiB": [{"host": {"gib": 100}}, {"ssd": {"gib": 2000}}],
}
for name, tiers in TIERS.items():
    row = kv.simulate(trace, router="cache-load", rate=0.9, tiers=tiers, **SERVER).row
    hits, loaded = 100 * row["token_hit_ratio"], 100 * row["loaded_token_ratio"]
    print(
        f"{name:28} {hits:4.1f} %, {loaded:4.1f} % loaded; median {row['ttft_p50']:.2f} s, p99 {row['ttft_p99']:.2f} s"
    )
