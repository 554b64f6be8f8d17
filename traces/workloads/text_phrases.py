"""The phrase grammar: one line of text that stands for many wordings.

``[How do I|How can I] {switch} [it|the thing]?`` offers a choice in each pair of brackets (they nest; an
empty alternative leaves the words out), and has ``{slots}`` that are filled in before the choices are made.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

# A sequence of literal text and of choices; a choice is its alternatives.
Phrase = list["str | list[Phrase]"]


def parse(template: str) -> Phrase:
    """The phrase that `template`, without slots, stands for. Raises ValueError for unbalanced brackets."""
    phrase: Phrase = []
    open_phrases = [phrase]
    open_choices: list[list[Phrase]] = []
    for piece in re.findall(r"[\[\]|]|[^\[\]|]+", template):
        if piece == "[":
            alternatives: list[Phrase] = [[]]
            open_phrases[-1].append(alternatives)
            open_choices.append(alternatives)
            open_phrases.append(alternatives[0])
        elif piece in "|]" and not open_choices:
            raise ValueError(f"{piece!r} outside brackets in {template!r}")
        elif piece == "|":
            open_choices[-1].append([])
            open_phrases[-1] = open_choices[-1][-1]
        elif piece == "]":
            open_choices.pop()
            open_phrases.pop()
        else:
            open_phrases[-1].append(piece)
    if open_choices:
        raise ValueError(f"missing ']' in {template!r}")
    return phrase


def word(phrase: Phrase, dice: int) -> tuple[str, int]:
    """One wording: `dice`, a large random number, decides each choice in turn; also what is left of it."""
    text = []
    for part in phrase:
        if isinstance(part, str):
            text.append(part)
        else:
            dice, choice = divmod(dice, len(part))
            chosen, dice = word(part[choice], dice)
            text.append(chosen)
    return "".join(text), dice


def every_wording(phrase: Phrase) -> Iterator[str]:
    """All wordings, some perhaps twice."""
    parts = [
        [part] if isinstance(part, str) else [text for option in part for text in every_wording(option)]
        for part in phrase
    ]
    return map("".join, itertools.product(*parts))
