"""What goes wrong with a real server."""

from __future__ import annotations


class LiveError(ValueError):
    """A server, or the folder of a run, cannot be used; the message is one line that says how to mend it."""


class RequestError(Exception):
    """One request got no whole answer. The message is a kind of failure, by which failures are counted."""
