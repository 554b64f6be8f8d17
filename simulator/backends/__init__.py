"""Real memory: a pool of K/V pages in torch, codecs for fewer bytes, tiers on host and disk, and a model on top.

What is counted elsewhere exists here: bytes are kept, copies are made, errors are measured. Needs torch and NumPy only,
and runs the same on CPU and CUDA; where numba or Triton is installed some loops are compiled, to the same result.
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "TorchPagePool": "kvreplay.simulator.backends.page_pool",
        "TieredStore": "kvreplay.simulator.backends.tiers",
        "PageLayout": "kvreplay.simulator.backends.layout",
        "DistributedPageDirectory": "kvreplay.simulator.backends.distributed",
        "LayoutError": "kvreplay.simulator.backends.layout",
    },
)
