"""A lexical guard: what is opposite or reversed is as similar as can be to an embedder, but not to a reader.

It refuses a hit where the two prompts differ in their numbers, where one of them negates, or where they are the same
words in another order. It knows English only, and costs true hits too: both of its costs are counted.
"""

from __future__ import annotations

import re
from collections import Counter

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NUMERALS = "zero one two three four five six seven eight nine ten eleven twelve twenty fifty hundred thousand million"
_NUMERAL = frozenset(_NUMERALS.split())
_NEGATION = frozenset(
    ["not", "no", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor", "without", "cannot"]
)
_PREFIXES = ("un", "de", "dis", "in", "im", "non", "ir")
_SHORTEST = 3  # letters of a word that a prefix negates: "on" is no root of "non"


def differs(a: str, b: str) -> str | None:
    """Why a reader would not take the answer to `a` for one to `b`: numbers, negation or order; None: no reason."""
    words = [_WORD.findall(text.lower().replace("’", "'")) for text in (a, b)]
    if _numbers(a, words[0]) != _numbers(b, words[1]):
        return "numbers"
    counts = [Counter(own) for own in words]
    if _negates(words[0]) != _negates(words[1]) or _opposite(counts[0] - counts[1], counts[1] - counts[0]):
        return "negation"
    if counts[0] == counts[1] and words[0] != words[1]:
        return "order"
    return None


def _numbers(text: str, words: list[str]) -> Counter[str]:
    return Counter(_NUMBER.findall(text)) + Counter(word for word in words if word in _NUMERAL)


def _negates(words: list[str]) -> bool:
    """Whether there is an odd number of negations: two of them cancel."""
    return sum(word in _NEGATION or word.endswith("n't") for word in words) % 2 == 1


def _opposite(only_a: Counter[str], only_b: Counter[str]) -> bool:
    """Whether a word of one prompt is one of the other's with a prefix that negates it: lock, unlock."""
    return any(
        len(word) >= _SHORTEST and prefix + word in other
        for own, other in ((only_a, only_b), (only_b, only_a))
        for word in own
        for prefix in _PREFIXES
    )
