"""What goes wrong with a policy: one exception, whose message is a single line a person can act on."""

from __future__ import annotations


class PolicyError(ValueError):
    """A policy is unknown, malformed, does not compile, or broke the contract while it ran.

    The message reads ``file:line: what is wrong; how to mend it`` wherever a line of the policy is at fault.
    """
