"""How long a text is to a server, in its own tokens: told by its usage figures for a few probes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from .errors import LiveError

# Behind a space each is one token of most byte-pair vocabularies, and five of a byte each in a vocabulary of bytes.
_WORDS = """
able also arch area away baby back ball base been best bill blue body bond book born both call came camp card care
case cell city code cold come cool copy core cost dark data date days deal deep does done down draw each easy else
even ever exam eyes face fact fail fair fall farm fast feed feel feet felt file find fish five flow food foot fore
form four free from fuel full gain game gave give goal goes gold good grow hair half hand hard have head heat held
help here high hold home hope host idea into just keep kind king know lack land last late laws lead left less life
like line link list live load long look love made main make many mark mean meet mind more most move much must name
near need news next note once only open over pack page pain part pass past path pick plan play poor port post prep
prop rare rate read real rest rich rise risk road rock role room root rule safe said same save says seem seen self
sent show side sign sing site situ size skin slow soft soil sold some soon sort stay step stop such sure take talk
task team tell term test text than that them then they this time told took tool town tree true turn type unit used
user uses vary very view walk want warm ways weak week well went were what when wide wild will wind with wood word
work year your
"""
WORDS = tuple(_WORDS.split())
WORD_BYTES = 5  # of a word and the space before it
_ENOUGH = 32  # words to write with: less would repeat themselves too much
_FEW = 8  # words of which one is no single token are left out together: probes cost time


@dataclass(frozen=True)
class Ruler:
    """What a server's tokens are worth: a prompt of so many units comes to `overhead` tokens and some for each unit.

    A unit is a byte for servers whose tokens are bytes, else one of `words` and the space before it.
    """

    words: tuple[str, ...]
    unit: Literal["word", "byte"]
    tokens_per_unit: float  # 1: prompts can be made to the token
    overhead: int  # tokens of a prompt without text: a beginning-of-sequence mark, a chat template

    def units(self, tokens: int) -> int:
        """Units of the text whose prompt comes to `tokens`, rounded to whole ones; 0 where the overhead is as long."""
        return max(round((tokens - self.overhead) / self.tokens_per_unit), 0)

    def words_in(self, tokens: int) -> int:
        """Whole words in a page of `tokens`."""
        return tokens // WORD_BYTES if self.unit == "byte" else int(tokens / self.tokens_per_unit)

    def __str__(self) -> str:
        return f"tokens per {self.unit}: {self.tokens_per_unit:.4g}, besides: {self.overhead}"


async def measure(count: Callable[[str], Awaitable[int]]) -> Ruler:
    """Find out by `count`, which gives the tokens of a prompt. Three probes where words are one token, or five bytes.

    Otherwise words that are no single token are sought, in groups, and left out; where too few are left, all are used
    and prompts are as long as asked for on average only. Raises LiveError where tokens do not grow with the text.
    """
    half = len(WORDS) // 2
    first, second, both = [await count(text_of(words)) for words in (WORDS[:half], WORDS[half:], WORDS)]
    overhead = first + second - both
    cost = both - overhead
    if cost < len(WORDS) or overhead < 0:
        raise LiveError(
            f"usage.prompt_tokens is {first} and {second} for {half} words each, {both} for all of them; "
            "the server must count the whole prompt"
        )
    if cost == WORD_BYTES * len(WORDS):
        return Ruler(WORDS, "byte", 1.0, overhead)
    words = WORDS if cost == len(WORDS) else await _single(count, WORDS, overhead)
    if len(words) >= _ENOUGH:
        return Ruler(words, "word", 1.0, overhead)
    return Ruler(WORDS, "word", cost / len(WORDS), overhead)


def text_of(words: Sequence[str]) -> str:
    """The words, each behind a space."""
    return "".join(f" {word}" for word in words)


async def _single(count: Callable[[str], Awaitable[int]], words: tuple[str, ...], overhead: int) -> tuple[str, ...]:
    """Those of `words` that are one token each: as no word is less, a group with as many tokens consists of such."""
    if await count(text_of(words)) - overhead == len(words):
        return words
    if len(words) <= _FEW:
        return ()
    half = len(words) // 2
    return await _single(count, words[:half], overhead) + await _single(count, words[half:], overhead)
