"""However tokens come, the text is that of all of them, up to what is to stop it."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.server.text import TextStream

LETTERS = "abé"


def said(pieces: list[bytes], stop: tuple[str, ...]) -> tuple[str, bool]:
    stream = TextStream(lambda token: bytes([token]), stop)
    parts = [stream.add(piece, last=i == len(pieces) - 1) for i, piece in enumerate(pieces)]
    return "".join(parts), stream.stopped


def up_to_stop(text: str, stop: tuple[str, ...]) -> tuple[str, bool]:
    """Letter by letter: where the text so far ends with a stop sequence, that and all behind it are left out."""
    for end in range(1, len(text) + 1):
        ending = [s for s in stop if text[:end].endswith(s)]
        if ending:
            return text[: end - max(map(len, ending))], True
    return text, False


@given(
    text=st.text(LETTERS, max_size=20),
    stop=st.lists(st.text(LETTERS, min_size=1, max_size=4), max_size=3).map(tuple),
    cuts=st.lists(st.integers(0, 40), max_size=6),
)
def test_the_text_ends_before_the_first_stop_sequence(text, stop, cuts):
    whole = text.encode()
    bounds = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[a:b] for a, b in itertools.pairwise(bounds)]
    assert said(pieces, stop) == up_to_stop(text, stop)


@given(st.lists(st.binary(max_size=5), min_size=1))
def test_bytes_that_are_no_text_are_replaced_as_in_the_whole(pieces):
    assert said(pieces, ()) == (b"".join(pieces).decode(errors="replace"), False)


def test_only_what_may_become_a_stop_sequence_is_held_back():
    stream = TextStream(lambda token: bytes([token]), ("stop", "top"))
    assert [stream.add(piece) for piece in (b"a", b"sto", b"ne", b"to", b"p", b"more")] == [
        "a",
        "",
        "stone",
        "",
        "",
        "",
    ]
    assert stream.stopped
