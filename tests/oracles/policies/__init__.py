"""Twins of the eviction policies, each straight from its definition, in plain Python: `TWINS` by policy name."""

from .adaptive import Adaptive
from .belady import Belady
from .lfu import LFU
from .lru import FIFO, LRU
from .random import Random
from .s3_fifo import S3FIFO
from .sieve import Sieve
from .w_tinylfu import WTinyLFU, WTinyLFU8020

TWINS = {
    "adaptive": Adaptive,
    "belady": Belady,
    "fifo": FIFO,
    "lfu": LFU,
    "lru": LRU,
    "random": Random,
    "s3-fifo": S3FIFO,
    "sieve": Sieve,
    "w-tinylfu": WTinyLFU,
    "w-tinylfu-80-20": WTinyLFU8020,
}
