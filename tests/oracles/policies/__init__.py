"""Twins of the eviction policies, each straight from its definition, in plain Python: `TWINS` by policy name."""

from .adaptive import Adaptive
from .arc import ARC
from .belady import Belady, BeladyBypass
from .cacheus import Cacheus
from .car import CAR
from .clock import Clock
from .gdsf import GDSF
from .gittins import Gittins
from .hyperbolic import Hyperbolic
from .lecar import LeCaR
from .lfu import LFU
from .lfuda import LFUDA
from .lhd import LHD
from .lirs import LIRS
from .lru import FIFO, LRU
from .lru_k import LRUK, LRUKNoHistory
from .mru import MRU
from .prefix_aware import LengthAware, Marconi, VLLMFrequencyCost, VLLMQueueAware, WorkloadAware
from .qd_lp_fifo import QDLPFIFO
from .random import Random
from .s3_fifo import S3FIFO
from .servers import (
    VLLM,
    VLLM011,
    SGLangFIFO,
    SGLangFILO,
    SGLangLFU,
    SGLangLRU,
    SGLangMRU,
    SGLangPriority,
    SGLangSLRU,
)
from .sieve import Sieve
from .slru import SLRU
from .two_q import TwoQ
from .w_tinylfu import WTinyLFU, WTinyLFU8020, WTinyLFUClimb

TWINS = {
    "2q": TwoQ,
    "adaptive": Adaptive,
    "arc": ARC,
    "belady": Belady,
    "belady-bypass": BeladyBypass,
    "cacheus": Cacheus,
    "car": CAR,
    "clock": Clock,
    "fifo": FIFO,
    "gdsf": GDSF,
    "gittins": Gittins,
    "hyperbolic": Hyperbolic,
    "lecar": LeCaR,
    "length-aware": LengthAware,
    "lfu": LFU,
    "lfuda": LFUDA,
    "lhd": LHD,
    "lirs": LIRS,
    "lru": LRU,
    "lru-k": LRUK,
    "lru-k-no-history": LRUKNoHistory,
    "marconi": Marconi,
    "mru": MRU,
    "qd-lp-fifo": QDLPFIFO,
    "random": Random,
    "s3-fifo": S3FIFO,
    "sglang-fifo": SGLangFIFO,
    "sglang-filo": SGLangFILO,
    "sglang-lfu": SGLangLFU,
    "sglang-lru": SGLangLRU,
    "sglang-mru": SGLangMRU,
    "sglang-priority": SGLangPriority,
    "sglang-slru": SGLangSLRU,
    "sieve": Sieve,
    "slru": SLRU,
    "vllm-frequency-cost": VLLMFrequencyCost,
    "vllm-queue-aware": VLLMQueueAware,
    "vllm-lru": VLLM,
    "vllm-lru@0.11": VLLM011,
    "w-tinylfu": WTinyLFU,
    "w-tinylfu-80-20": WTinyLFU8020,
    "w-tinylfu-climb": WTinyLFUClimb,
    "workload-aware": WorkloadAware,
}
