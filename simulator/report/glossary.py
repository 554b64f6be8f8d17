"""What the words of a report mean: shown at its end, so that no figure has to be guessed at."""

DEFINITIONS = {
    "page hit ratio": (
        "page accesses that found their page in the cache / all page accesses. With prefix pages, only those "
        "within the contiguous cached prefix of a request count."
    ),
    "prefix hit ratio": "page accesses before the first miss of their request / all page accesses.",
    "token hit ratio": "prompt tokens covered by prefix hits / all prompt tokens.",
    "request-mean hit ratio": (
        "mean over requests of (prefix hits / pages of the request): short requests weigh as much as long ones."
    ),
    "share of requests fully hit": "requests of which every page hit / all requests.",
    "byte hit ratio": (
        "bytes of page accesses that hit / bytes of all page accesses, where the trace carries sizes. In a cache of "
        "bytes an object of another size than before misses: it was written anew."
    ),
    "cost hit ratio": (
        "cost of page accesses that hit / cost of all page accesses, where the trace says what a miss costs, or "
        "modelled: the operations of a model's prefill, which grow with what stands in front of a page."
    ),
    "tokens spared": (
        "by one budget of memory: tokens of prompts and answers that were not computed or generated / all that were "
        "asked for. A page spares those that it holds; an answer, right or wrong, all of the request's."
    ),
    "independent and prefix pages": (
        "two readings of a trace. Independent: every page for itself. Prefix: a page counts only behind its whole "
        "prefix, and leaves only after the pages behind it."
    ),
    "warm-up": "requests at the beginning that fill the cache, and that no figure counts.",
    "ttl": (
        "time to live: an entry is good for so many seconds since it was inserted or renewed. What finds an older one "
        "misses and renews it in place; an old entry takes up room until then, or until it is evicted."
    ),
    "footprint": "all distinct pages of a trace, or their bytes: the size of an infinite cache.",
    "offline optimum": (
        "the most page hits that any cache of that size can get, even one that knows the future: proven, for "
        "independent and for prefix pages. Belady's MIN with bypass (belady-bypass) finds it: it evicts the page whose "
        "next use is farthest away, or keeps the missed page out. Belady's MIN (belady) is the optimum of caches that "
        "keep every page they miss; it stands in where MIN with bypass did not run and no policy got more. For object "
        "sizes, other ratios, after a warm-up or with a time to live neither is a bound."
    ),
    "of the way to the optimum": (
        "(policy - lru) / (offline optimum - lru): 0 % is no better than LRU, 100 % is the best that any cache can do."
    ),
    "95 % interval": (
        "of a paired difference, over 20 blocks of time (batch means, Student's t) or over seeds, whichever is "
        "wider. Replays are deterministic, so on this trace a difference is exact; the interval says how far it "
        "depends on the stretch of such traffic, or on the seed. It says nothing about other traffic, and is not "
        "corrected for choosing the best of many policies."
    ),
    "within noise": "the interval contains zero. It is not called a win.",
    "exact, measured, modelled, claimed": (
        "hits, misses and evictions are counted: exact, and the same on any machine. Measured: by a clock on the "
        "machine under Provenance. Modelled: computed from pages and bytes_per_token. Claimed: taken from a "
        "source, which is then named."
    ),
}
