"""What was claimed of such caches beside what this code gives: experiments/claims/*.yaml, one report.

A claim is a sentence with a figure. What stands against it comes from replays (counted), from machines (measured), or
from arithmetic over shapes and page counts (modelled), and the report says which.
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(__name__, {"examine": ".outcomes", "read_claims": ".claim"})
