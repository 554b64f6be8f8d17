"""What people ask an assistant about: domains of everyday life, their questions and their house rules.

The texts are in one `text_*.py` per domain, all original. A family of questions becomes one intent for every
combination of its axes, so that opposites (turn on, turn off) and near misses (another number, another
place) are different intents in almost the same words.
"""

from __future__ import annotations

import importlib
import itertools
from functools import cache, cached_property
from typing import NamedTuple

from .text_phrases import Phrase, parse, word

_DOMAINS = (
    "banking",
    "cooking",
    "driving",
    "health",
    "home",
    "learning",
    "office",
    "phone",
    "shopping",
    "travel",
)

# Around the question itself. A capital follows unless a comma or colon precedes.
_OPENERS = parse(
    "[|||||||Hi, |Hello, |Hey, |Hi there! |Quick question: |Good morning, |Sorry to bother you, |Excuse me, "
    "|I have a question. |Could you help me? ]"
)
_CLOSERS = parse("[||||| Thanks!| Thank you.| Thanks in advance.| Cheers!]")
_TYPING = parse("[careful|careful|careful|lower case|no full stop]")

Axis = tuple[dict[str, str], ...]


class Family(NamedTuple):
    """Questions in the same words: templates of the phrase grammar, and what their slots stand for."""

    templates: tuple[str, ...]
    axes: tuple[Axis, ...]


class Domain(NamedTuple):
    """One walk of life: questions, and what an assistant working there is told beforehand."""

    name: str
    families: tuple[Family, ...]
    companies: tuple[str, ...]
    business: str  # "an online bank"
    rules: tuple[Family, ...]  # each combination of axes is a sentence
    place: str  # what the company has many of: "branch"


class Intent:
    """One thing to ask, in many wordings; two intents share none."""

    def __init__(self, domain: Domain, family: Family, slots: dict[str, str]) -> None:
        self.domain = domain.name
        self._family = family
        self._slots = slots

    @cached_property
    def phrase(self) -> Phrase:
        """The question alone, as a choice of all its templates."""
        return [[parse(template.format_map(self._slots)) for template in self._family.templates]]

    def wording(self, dice: int) -> str:
        """The wording that `dice`, a random number below 2**63, picks: question, greeting, way of typing."""
        opener, dice = word(_OPENERS, dice)
        closer, dice = word(_CLOSERS, dice)
        typing, dice = word(_TYPING, dice)
        question, _ = word(self.phrase, dice)
        if opener.endswith((", ", ": ")) or not question:
            text = opener + question + closer
        else:
            text = opener + question[0].upper() + question[1:] + closer
        if typing == "lower case":
            return text.lower()
        return text.rstrip("?.!") if typing == "no full stop" else text


def axis(names: str, *rows: str | tuple[str, ...]) -> Axis:
    """An axis whose rows give a value to each of the slots `names`, separated by spaces."""
    slots = names.split()
    return tuple(dict(zip(slots, (row,) if isinstance(row, str) else row, strict=True)) for row in rows)


def combinations(family: Family) -> list[dict[str, str]]:
    """The slots of every combination of the family's axes."""
    return [{k: v for row in rows for k, v in row.items()} for rows in itertools.product(*family.axes)]


@cache
def domains() -> tuple[Domain, ...]:
    """All domains, in alphabetical order."""
    return tuple(importlib.import_module(f".text_{name}", __package__).DOMAIN for name in _DOMAINS)


@cache
def intents() -> tuple[Intent, ...]:
    """Every intent of every domain, in a fixed order."""
    return tuple(
        Intent(domain, family, slots)
        for domain in domains()
        for family in domain.families
        for slots in combinations(family)
    )
