"""A real language model over the page pool: prefill behind a reused prefix, paged decoding, drafts that are verified.

Any Llama runs, of seeded weights (`Llama.random`) or SmolLM2-135M-Instruct (`SmolLM2`, with the extra `model`).
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "Chunk": ".llama",
        "Decoder": ".decoder",
        "Language": ".language",
        "Llama": ".llama",
        "LlamaShape": ".llama",
        "ModelError": ".llama",
        "PagedModel": ".paged",
        "RandomBytes": ".language",
        "Sampler": ".sampling",
        "SmolLM2": ".smollm2",
        "SpeculativeDecoder": ".decoder",
    },
)
