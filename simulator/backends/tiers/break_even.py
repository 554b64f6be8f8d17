"""When to compress at the boundary of two tiers: only where the link between them is slower than the codec."""

from __future__ import annotations


def break_even(page_bytes: int, stored_bytes: float, encode_seconds: float, decode_seconds: float) -> float:
    """Bytes per second of a link below which it pays to store a page of `page_bytes` in `stored_bytes`.

    Pays where page_bytes / link > stored_bytes / link + encode_seconds + decode_seconds: the time to encode and to
    decode is held against one crossing. A page that is both written and read back on the critical path crosses twice.
    """
    return (page_bytes - stored_bytes) / (encode_seconds + decode_seconds)
