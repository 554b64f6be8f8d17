"""Twins of the eviction policies, each straight from its definition, in plain Python: `TWINS` by policy name."""

from .adaptive import Adaptive
from .arc import ARC
from .belady import Belady
from .car import CAR
from .clock import Clock
from .lfu import LFU
from .lfuda import LFUDA
from .lru import FIFO, LRU
from .lru_k import LRUK, LRUKNoHistory
from .mru import MRU
from .random import Random
from .s3_fifo import S3FIFO
from .sieve import Sieve
from .slru import SLRU
from .two_q import TwoQ
from .w_tinylfu import WTinyLFU, WTinyLFU8020

TWINS = {
    "2q": TwoQ,
    "adaptive": Adaptive,
    "arc": ARC,
    "belady": Belady,
    "car": CAR,
    "clock": Clock,
    "fifo": FIFO,
    "lfu": LFU,
    "lfuda": LFUDA,
    "lru": LRU,
    "lru-k": LRUK,
    "lru-k-no-history": LRUKNoHistory,
    "mru": MRU,
    "random": Random,
    "s3-fifo": S3FIFO,
    "sieve": Sieve,
    "slru": SLRU,
    "w-tinylfu": WTinyLFU,
    "w-tinylfu-80-20": WTinyLFU8020,
}
