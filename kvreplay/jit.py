"""numba's njit with a disk cache that is a help and never a hindrance.

A place that cannot be written, or a file in it that is damaged, costs a compilation; by itself numba stops the program.
Where numba is not installed, as on machines that only measure the real memory, the functions run as they are written.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

try:
    from numba import njit
    from numba.core.caching import FunctionCache
except ImportError:
    HAS_NUMBA = False
else:
    HAS_NUMBA = True

    class _ForgivingCache(FunctionCache):
        def load_overload(self, sig: Any, target_context: Any) -> Any:
            try:
                return super().load_overload(sig, target_context)
            except Exception as error:
                told = f"the compile cache {self.cache_path} is damaged ({error}); compiling again"
                warnings.warn(told, stacklevel=2)
                with contextlib.suppress(OSError):
                    self.flush()
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            with contextlib.suppress(OSError):  # a full disk, say
                super().save_overload(sig, data)


def jit(function: Callable[..., Any], **options: Any) -> Any:
    """`function` compiled by njit with `options` (nogil by default), its machine code kept on disk where possible."""
    if not HAS_NUMBA:
        return function
    dispatcher = njit(**{"nogil": True, **options})(function)
    with contextlib.suppress(RuntimeError):  # no place to keep it
        dispatcher._cache = _ForgivingCache(function)
    return dispatcher
