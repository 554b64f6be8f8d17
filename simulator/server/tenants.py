"""Who asks: tenants are told by their bearer tokens, which are compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from .errors import ServerError


class Tenants:
    """Those with a key of `keys`; without any, whoever asks is the one tenant there is."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._digests = [_digest(key) for key in keys]

    @classmethod
    def read(cls, path: str | Path) -> Tenants:
        """Of a file with a key a line. Raises ServerError where it has none, OSError where there is no file."""
        keys = Path(path).read_text().split()
        if not keys:
            raise ServerError(f"{path}: has no key; write one a line")
        return cls(keys)

    def of(self, key: str | None) -> str:
        """The tenant whose `key` it is, by a name that does not give it away. Raises ServerError where it is nobody's.

        All keys are compared, and by their digests: how long it takes tells neither which of them nor how much of one
        was right.
        """
        if not self._digests:
            return ""
        given = _digest(key or "")
        found = [name for name in self._digests if hmac.compare_digest(name, given)]
        if key is None or not found:
            raise ServerError(
                "no valid key; send one as 'Authorization: Bearer KEY'",
                status=401,
                type="authentication_error",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return found[0]


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()
