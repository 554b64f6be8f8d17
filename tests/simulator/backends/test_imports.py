"""Real memory needs torch and NumPy only: it is measured on machines that have nothing else."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
from pathlib import Path
for name in "numba polars pydantic annotated_types yaml xxhash zstandard blosc2 triton".split():
    sys.modules[name] = None  # as if it were not installed
import numpy as np
import torch
from kvreplay.simulator.backends import PageLayout, TieredStore, TorchPagePool, codecs
from kvreplay.simulator.backends.metrics import exposition, of_pool, of_tiers
from kvreplay.simulator.backends.distributed import DistributedPageDirectory
from kvreplay.simulator.backends.model import Llama, LlamaShape, PagedModel, SpeculativeDecoder
from kvreplay.simulator.backends.tiers import MemoryTier, SlabTier
pool = TorchPagePool(PageLayout(2, 16, 2, 64), 4)
ids = pool.create(2)
pool.data[:] = torch.randn(pool.data.shape)
pool.share(ids)
copies = pool.write(ids)
for name in codecs.names():
    try:
        codec = codecs.get(name, pool.layout)
    except codecs.CodecError as error:
        print(error)
    else:
        assert codec.decode(codec.encode(pool.data)).shape == pool.data.shape
memory = MemoryTier("host", pool.layout, 1)
store = TieredStore([memory, SlabTier("disk", pool.layout, 1, Path(sys.argv[1]), codec="int8")])
for key in (b"a", b"b"):
    store.put(key, pool.data[0])
assert store.get(b"a", pool.data[1]).result() == "disk"
assert 'hit_pages_total{tier="disk"} 1' in exposition([*of_pool(pool), *of_tiers(store)])
store.close()
model = PagedModel(Llama.random(LlamaShape(1, 8, 8, 2, 1, 4, 9)), 4)
[generated] = SpeculativeDecoder(model).generate([np.arange(5)], 3)
assert len(generated) == 3
"""


def test_it_works_without_any_other_package(tmp_path):
    run = subprocess.run([sys.executable, "-c", _PROGRAM, str(tmp_path / "slab")], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "codec 'zstd': needs zstandard; pip install zstandard",
        "codec 'blosc2': needs blosc2; pip install blosc2",
    ]
