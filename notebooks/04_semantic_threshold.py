# %% [markdown]
# # Which semantic threshold, and what does it cost in wrong answers?
#
# A semantic cache answers a question with the answer to a similar one. A low threshold answers more questions, and more
# of them wrongly. This notebook draws the trade for real questions and two embedders, and lets the threshold find its
# own place. Every hit is judged by the intent that the question is labelled with.

# %%
import matplotlib.pyplot as plt
import polars as pl

import kvreplay as kv
from kvreplay.traces import TraceError

plt.rcParams["figure.dpi"] = 110

# %% [markdown]
# ## Traffic
# Questions to a bank, with 77 intents (Banking77). Popular intents come more often, and every time in one of its many
# wordings. Where the dataset is not at hand, generated paraphrases stand in; the text below is about the real ones.

# %%
try:
    kv.load("banking77")
    workload, knobs = "questions", {"source": "banking77", "requests": 4000}
except TraceError:
    print("banking77 is not here: generated paraphrases stand in, and figures differ")
    workload, knobs = "paraphrased", {"requests": 4000}
traffic = {"generate": workload, **knobs}
trace = kv.generate(workload, **knobs)
for intent, text in list(zip(trace.intent, trace.texts(), strict=True))[:5]:
    print(f"intent {intent:>3}: {text}")

# %% [markdown]
# ## The sweep
# An exact cache stands in front, so what the semantic one answers is worded differently. Rows carry right and wrong
# answers side by side.

# %%
THRESHOLDS = [0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
EMBEDDERS = ["idf-seeded", "wordllama"]  # seeded random word vectors, and trained ones (extra `embed`)
semantic = {"embedder": EMBEDDERS, "threshold": THRESHOLDS, "capacity": 1000}
results = kv.run(
    {
        "name": "threshold",
        "trace": traffic,
        "policy": "lru",
        "capacity": "10%",
        "stack": [[{"exact": {"capacity": 1000}}, {"semantic": semantic}]],
    },
    out="../results/notebook-threshold",
)
rows = results.rows.select(
    "semantic_embedder",
    pl.col("semantic_threshold").cast(float),
    right=pl.col("semantic_true_hits") / pl.col("asked"),
    wrong=pl.col("semantic_false_hits") / pl.col("asked"),
    precision="semantic_precision",
).sort("semantic_embedder", "semantic_threshold")
rows.filter(pl.col("right") > 0)

# %% [markdown]
# ## Right against wrong
# Every point is a threshold. Up is more right answers, right is more wrong ones; the best corner is the upper left.

# %%
figure, axes = plt.subplots(figsize=(7, 4.2))
for color, embedder in zip(("tab:blue", "tab:orange"), EMBEDDERS, strict=True):
    part = rows.filter(semantic_embedder=embedder)
    axes.plot(100 * part["wrong"], 100 * part["right"], "-o", color=color, label=embedder)
    for threshold, right, wrong in part.select("semantic_threshold", "right", "wrong").rows():
        if threshold in (0.6, 0.7, 0.8, 0.9):
            axes.annotate(
                f"{threshold:g}", (100 * wrong, 100 * right), (4, -11), textcoords="offset points", fontsize=8
            )
axes.set(xlabel="answered wrongly, % of requests", ylabel="answered rightly, % of requests")
axes.set_title("Semantic hits, by threshold")
axes.grid(alpha=0.3)
_ = axes.legend(frameon=False, loc="lower right")

# %% [markdown]
# The same threshold is another place on each curve: a cosine means something else under every embedder. Copying "0.8"
# from somewhere copies nothing. What can be compared is the precision:

# %%
best = rows.filter(pl.col("precision") >= 0.95).sort("right").group_by("semantic_embedder").last()
best.sort("semantic_embedder")

# %% [markdown]
# ## Let the precision be the parameter
# `calibrated` takes the least threshold that held the precision on the first lookups, with a confidence limit;
# `learned` learns one for each entry. Both need feedback on whether an answer was right: here the intents give it, in
# production a share of the answers would have to be checked.

# %%
rules = {"embedder": "wordllama", "threshold": ["calibrated:precision=0.95", "learned:error=0.02"], "capacity": 1000}
found = kv.run(
    {
        "name": "rules",
        "trace": traffic,
        "policy": "lru",
        "capacity": "10%",
        "stack": [[{"exact": {"capacity": 1000}}, {"semantic": rules}]],
    },
    out="../results/notebook-rules",
).rows
found.select(
    "semantic_rule",
    right=pl.col("semantic_true_hits") / pl.col("asked"),
    wrong=pl.col("semantic_false_hits") / pl.col("asked"),
    precision="semantic_precision",
)

# %% [markdown]
# Certainty has its price. The sweep above picked the threshold that was best on these very questions, in hindsight; a
# rule that must be *sure* of its precision after so few checked answers answers far fewer.
