"""Timed by the hardware: a trace's requests meet the caches of `caches`, real pages and a real model; all measured.

What `serving` models happens here: steps are computed, pages hold K/V, answers are generated. Rules and tables are
those of `serving`, so that both can be laid side by side: of requests that come one at a time, the hits are the same.
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "Measurement": ".measurement",
        "measure": ".measurement",
        "load_model": ".models",
        "measured_settings": ".settings",
        "model_names": ".settings",
    },
)
