"""Pages over a folder of runs, served on this machine alone: a table, their reports, and what moved between two."""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(__name__, {"make_server": ".server"})
