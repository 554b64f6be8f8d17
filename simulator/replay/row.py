"""The columns of a result row: what one cell (trace x policy x capacity x reading x seed) comes to.

Every figure but those in TIMINGS is a function of the inputs alone: the same bit for bit on any machine.
Ratios carry their definition in their name; no column is called just "hit rate" but `hit_ratio`, which is
hits / pages by contract with scripts that read it.
"""

from __future__ import annotations

# The columns that say what was replayed, besides `trace`'s and `policy`'s own: numbers, but no result.
SETTINGS: tuple[str, ...] = ("capacity", "seed", "warmup", "ttl", "exact_capacity", "exact_ttl")
SETTINGS += ("semantic_capacity", "semantic_ttl", "semantic_k")

# name -> (polars dtype name, meaning). Ratios of nothing (no sizes, no tokens, no costs) are null.
COLUMNS: dict[str, tuple[str, str]] = {
    "trace": ("String", "name of the trace"),
    "policy": ("String", "policy with its non-default parameters, e.g. w-tinylfu:window=0.1"),
    "reading": (
        "String",
        "independent: every page for itself; prefix: only the contiguous prefix hits, leaves leave first",
    ),
    "capacity": (
        "Int64",
        "capacity in pages, or in bytes where capacity_unit is bytes; with a clock that of each replica, running "
        "requests included",
    ),
    "capacity_unit": ("String", "pages or bytes"),
    "capacity_share": ("Float64", "capacity / footprint of the trace; 0 where it has no pages"),
    "seed": ("Int64", "seed of the policy's own randomness"),
    "warmup": ("Float64", "share of the requests that filled the cache first, and that no figure below counts"),
    "ttl": ("Float64", "seconds that an entry is good for since it was inserted or renewed; null: for ever"),
    "cost_model": (
        "String",
        "model whose prefill the costs are, modelled; null: the trace's own costs, if any",
    ),
    "sizing": ("String", "what moves the capacity, from `capacity` at the start; null: nothing, it is fixed"),
    "clock": (
        "String",
        "what keeps the time: modelled, a simulated server; measured, a real one, whose times in SERVED are of a run; "
        "null: nothing, and so are SERVER and SERVED below",
    ),
    "serving": ("String", "with a clock, the server's settings that are no defaults"),
    "requests": ("Int64", "requests replayed after the warm-up"),
    "pages": ("Int64", "page accesses of these"),
    "hits": (
        "Int64",
        "page accesses that found their page, within its ttl (under `prefix`: within the contiguous hit prefix)",
    ),
    "hit_ratio": ("Float64", "hits / pages"),
    "sample": (
        "Float64",
        "share of the trace's pages, drawn at random, that was replayed, and that all counts are of; null: all of them",
    ),
    "whole_hit_ratio": (
        "Float64",
        "hit_ratio of the whole trace, estimated from the sample; null without one, and with a warm-up or a sizing",
    ),
    "half_width": (
        "Float64",
        "the 95 % interval of the estimate is whole_hit_ratio -+ half_width, for the luck of the draw",
    ),
    "prefix_hits": ("Int64", "page accesses before the first miss of their request"),
    "prefix_hit_ratio": ("Float64", "prefix_hits / pages"),
    "tokens": ("Int64", "prompt tokens of the requests"),
    "tokens_saved": ("Int64", "prompt tokens covered by prefix hits"),
    "token_hit_ratio": ("Float64", "tokens_saved / tokens"),
    "request_mean_hit_ratio": ("Float64", "mean over requests of prefix hits / pages of the request"),
    "requests_hit": ("Int64", "requests of which every page hit"),
    "requests_hit_ratio": ("Float64", "requests_hit / requests"),
    "bytes": ("Int64", "bytes requested, where the trace carries sizes"),
    "byte_hits": ("Int64", "bytes of page accesses that hit"),
    "byte_hit_ratio": ("Float64", "byte_hits / bytes"),
    "cost": ("Float64", "cost of all page accesses: the trace's own, or modelled operations of prefill"),
    "cost_hits": ("Float64", "cost of the page accesses that hit; with prefix pages, what was saved"),
    "cost_hit_ratio": ("Float64", "cost_hits / cost"),
    "evictions": ("Int64", "pages evicted"),
    "rejections": (
        "Int64",
        "page misses that the policy's admission (or a page larger than the cache) kept out",
    ),
    "peak_pages": ("Int64", "most pages cached at one time"),
    "peak_bytes": (
        "Int64",
        "peak_pages in bytes: real object sizes, or modelled from bytes_per_token; else null",
    ),
    "mean_capacity": ("Float64", "capacity in its unit, mean over the requests"),
    "final_capacity": ("Int64", "capacity after the last request"),
    "resizes": ("Int64", "times that the capacity changed"),
    "reversals": ("Int64", "times that it changed in the other direction than the time before"),
    "series_pages": (
        "List(Int64)",
        "page accesses in each of the windows of equal request count; where tiers and pages share a budget, of all "
        "requests, answered or not",
    ),
    "series_hits": ("List(Int64)", "hits in each window"),
    "series_prefix_hits": ("List(Int64)", "prefix hits in each window"),
    "series_tokens": ("List(Int64)", "prompt tokens in each window"),
    "series_tokens_saved": ("List(Int64)", "prompt tokens covered by prefix hits in each window"),
    "series_capacity": ("List(Int64)", "capacity at the end of each window"),
    "parts": (
        "String",
        "where the capacity is divided among tenants, a JSON object: by tenant, for each window, page accesses, hits "
        "and the capacity at its end; among tiers and pages: by these, tokens asked for, tokens spared and bytes; else "
        "null",
    ),
    "policy_stats": ("String", "JSON object of the policy's own counters, warm-up included, e.g. switches of adaptive"),
    "trace_hash": ("String", "content hash of the trace"),
    "policy_fingerprint": ("String", "hash of the policy's code and everything it reaches"),
}

# What the tiers in front of the pages came to; null without a stack, and for tiers that it lacks. Hits are judged by
# the trace's intents: a hit is true where the answer given was one to the intent asked.
FRONT: dict[str, tuple[str, str]] = {
    "stack": ("String", "tiers in front of the pages, in order; null: none, and so is every column below"),
    "asked": (
        "Int64",
        "requests after the warm-up that met the stack; `requests` counts those that it left to the pages",
    ),
    "answered": ("Int64", "of these, those that a tier answered"),
    "answered_ratio": ("Float64", "answered / asked"),
    "answered_precision": ("Float64", "true hits / true and false hits, of all tiers"),
    "prompt_tokens_answered": ("Int64", "prompt tokens of the requests answered"),
    "output_tokens_answered": ("Int64", "output tokens of the requests answered, which were not generated"),
    "tokens_spared_ratio": (
        "Float64",
        "(prompt_tokens_answered + tokens_saved) / (prompt_tokens_answered + tokens): by tiers and pages",
    ),
    "exact_capacity": ("Int64", "entries that the exact cache holds at most"),
    "exact_policy": ("String", "its eviction policy"),
    "exact_ttl": ("Float64", "seconds that its entries are good for; null: for ever"),
    "exact_lookups": ("Int64", "requests that asked it"),
    "exact_hits": ("Int64", "requests that it answered"),
    "exact_true_hits": ("Int64", "of these, those answered rightly"),
    "exact_false_hits": ("Int64", "those answered wrongly: the same prompt with another intent"),
    "exact_evictions": ("Int64", "entries evicted"),
    "semantic_embedder": ("String", "what made vectors of prompts: cosines of two embedders do not compare"),
    "semantic_index": ("String", "what found the nearest of them"),
    "semantic_rule": ("String", "what decides on a hit: a static cosine, or a rule that finds it"),
    "semantic_threshold": (
        "Float64",
        "least cosine of a hit, the last one where it moves; null where it is not one for all",
    ),
    "semantic_precision_limit": (
        "Float64",
        "lower confidence limit of the precision at a threshold that was calibrated; else null",
    ),
    "semantic_k": ("Int64", "neighbours that were asked"),
    "semantic_capacity": ("Int64", "entries that the semantic cache holds at most"),
    "semantic_policy": ("String", "its eviction policy"),
    "semantic_ttl": ("Float64", "seconds that its entries are good for; null: for ever"),
    "semantic_lookups": ("Int64", "requests that asked it"),
    "semantic_hits": ("Int64", "requests that it answered"),
    "semantic_true_hits": ("Int64", "of these, those answered rightly"),
    "semantic_false_hits": ("Int64", "those given the answer to another intent"),
    "semantic_missed_chances": ("Int64", "misses though an entry of the same intent was held"),
    "semantic_true_misses": ("Int64", "misses when no entry was of the intent"),
    "semantic_unjudged": ("Int64", "lookups whose intent, or that of the answer given, is unknown"),
    "semantic_precision": ("Float64", "semantic_true_hits / (semantic_true_hits + semantic_false_hits)"),
    "semantic_recall_at_1": ("Float64", "share of a sample of lookups in which the index found a nearest entry"),
    "semantic_evictions": ("Int64", "entries evicted"),
    "semantic_guard_lost": ("Int64", "right answers that the lexical guard kept back; null without it"),
    "semantic_guard_avoided": ("Int64", "wrong answers that it kept back"),
}
COLUMNS |= FRONT

_FIGURES = {
    **{"mean": ("Float64", "mean"), "p50": ("Float64", "median"), "p90": ("Float64", "90th percentile")},
    **{"p99": ("Float64", "99th percentile"), "percentiles": ("List(Float64)", "percentiles 0 to 100")},
}
TIMES = {
    "ttft": "seconds from arrival to the first token",
    "tpot": "seconds between tokens after the first, mean of a request",
    "e2e": "seconds from arrival to the last token",
    "queueing": "seconds from arrival to admission",
    "handover": "seconds from the first token until the replica that decodes has the keys and values",
}

# The server of a cell with a clock; null without one.
SERVER: dict[str, tuple[str, str]] = {
    "model": ("String", "model that is served"),
    "device": ("String", "accelerator"),
    "replicas": ("Int64", "copies of the model, of `capacity` each"),
    "tensor_parallel": ("Int64", "devices that share a copy"),
    "router": ("String", "what chooses the replica of a request"),
    "order": ("String", "in which waiting requests are admitted"),
    "rate": ("Float64", "how many times as fast as in the trace requests arrive"),
    "concurrency": ("Int64", "closed loop of so many requests; null: the trace's arrivals"),
    "max_num_seqs": ("Int64", "requests in one step at most; null: vLLM's default for the device"),
    "max_num_batched_tokens": ("Int64", "tokens in one step at most; null: vLLM's default for the device"),
    "watermark": ("Float64", "share of the pages left free when a request is admitted beside others"),
    "max_queue": ("Int64", "requests that wait at a replica before others are refused; null: any number"),
    "memory_utilization": ("Float64", "share of device memory that weights and pages may take"),
    "tiers": ("String", "KV memory below that of each replica, the fastest first; null: none"),
    "layerwise": ("Boolean", "whether prompts are prefilled as the layers of loaded pages come"),
    "fetch": ("String", "when pages are loaded"),
    "prefill_replicas": ("Int64", "of the replicas, those that only prefill; 0: all do both"),
    "sharing": ("String", "what becomes of another replica's page that is loaded; null: none are"),
    "sync_on_write": ("Boolean", "whether pages that are computed are copied to all replicas"),
    "interconnect": ("String", "link between replicas"),
    "exact_seconds": ("Float64", "of a lookup in the exact cache"),
    "semantic_seconds": ("Float64", "of a lookup in the semantic cache"),
    "draft_model": ("String", "model that drafts; null: none"),
    "draft_length": ("Int64", "tokens that it drafts a step"),
    "acceptance": ("Float64", "probability that one of them is accepted"),
    "acceptance_by_intent": ("String", "the same for requests of some intents; null: for none"),
    "slo_ttft": ("Float64", "seconds to the first token that goodput asks for"),
    "slo_tpot": ("Float64", "seconds between tokens that goodput asks for"),
    "step_cost": ("String", "where the constants of step costs come from: fitted, typical, roofline or profile"),
}
COLUMNS |= SERVER
SETTINGS += tuple(SERVER)

# What it came to after the warm-up; null without a clock. `hits` are then the pages found when a request was admitted
# for the first time, and `requests` those that a replica served.
SERVED: dict[str, tuple[str, str]] = {
    "refused": ("Int64", "requests that found a full queue, or need more pages than a replica has"),
    "verdict": ("String", "unstable where the queue grew as long as requests arrived, else stable"),
    "seconds": ("Float64", "from the first arrival that counts to the last token"),
    "offered_requests_per_second": ("Float64", "requests that arrive; null in a closed loop"),
    "requests_per_second": ("Float64", "requests that ended"),
    "prompt_tokens_per_second": ("Float64", "prompt tokens of these, answered in front or not"),
    "output_tokens_per_second": ("Float64", "output tokens of these"),
    "goodput": ("Float64", "requests a second within both of slo_ttft and slo_tpot; null without them"),
    "slo_ratio": ("Float64", "share of all requests within both"),
    **{
        f"{time}_{figure}": (dtype, f"{meaning}: {what}; null where unstable")
        for time, meaning in TIMES.items()
        for figure, (dtype, what) in _FIGURES.items()
    },
    "output_tokens": ("Int64", "output tokens of requests that ended"),
    "reused_token_ratio": ("Float64", "prompt tokens found in memory or loaded / tokens"),
    "loaded_token_ratio": ("Float64", "prompt tokens loaded from tiers and other replicas / tokens"),
    "loaded": ("String", "the same by place, a JSON object; null without such places"),
    "moved": ("String", "bytes over each link, warm-up included, a JSON object"),
    "prefilled_tokens": ("Int64", "tokens computed, again after every preemption"),
    "preemptions": ("Int64", "requests that lost their pages and waited again"),
    "utilisation": ("Float64", "share of the time that replicas were busy"),
    "prefill_utilisation": ("Float64", "the same of those that only prefill; null without them"),
    "decode_utilisation": ("Float64", "the same of the others then"),
    "peak_held_pages": ("Int64", "most pages that requests held at one time in one replica"),
    "dollars_per_million_tokens": ("Float64", "at the price that hardware.yaml assumes"),
    "events": ("String", "hash of every event and its time"),
}
COLUMNS |= SERVED

# Measured, so kept apart from the rows: they differ from run to run.
TIMINGS: dict[str, tuple[str, str]] = {
    "wall_seconds": ("Float64", "measured: wall time of replaying and counting, without the making of the state"),
    "cpu_seconds": ("Float64", "measured: CPU time of the same"),
    "pages_per_second": ("Float64", "measured: pages / cpu_seconds"),
    "exact_lookup_us": ("Float64", "measured: microseconds of a lookup in the exact cache"),
    "semantic_lookup_us": (
        "Float64",
        "measured: microseconds of a lookup in the semantic cache, without the embedding",
    ),
}
