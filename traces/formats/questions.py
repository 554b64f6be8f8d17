"""Questions and what they want, for semantic caches: each with its intent, or in pairs that are duplicates or not.

- CSV or TSV with a column of texts (``text``, ``question``, ``query``, ``utterance``, ``sentence``) and one of intents
  (``category``, ``intent``, ``label``), as Banking77 has them.
- CSV or TSV with ``question1``, ``question2`` and ``is_duplicate`` (1 or 0), as Quora's pairs. Questions linked by
  duplicates, directly or by way of others, are one intent.
- JSON with [text, intent] pairs in a list, or in lists by name as CLINC150 has them; with objects in place of pairs, of
  the fields above; or with such an object a line.

The trace asks every question once, in the order of the file. A question without an intent, or of intent ``oos`` (out
of scope), is an intent of its own, numbered behind the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..builder import Batch
from ..text_batch import text_batch, tokenizer_notes
from . import Facts, jsonl
from .csv_rows import Rows, first_row, read_rows
from .fields import Labels, PageTokens
from .source import Source

VERSION = 1

_TEXTS = ("text", "question", "query", "utterance", "sentence")
_INTENTS = ("category", "intent", "label")
_PAIRS = ("question1", "question2", "is_duplicate")
_OUT_OF_SCOPE = "oos"
_MAX_DOCUMENT = 1 << 29  # characters of JSON that are parsed as one
_CHUNK = 4096  # questions that are tokenized at a time

_STRING = r'"(?:[^"\\]|\\.)*"'
_LIST = re.compile(rf"\s*(?:\{{\s*{_STRING}\s*:\s*)?\[")  # how a document begins: a list, or an object with one
_PAIR = re.compile(rf"\s*\[\s*{_STRING}\s*,\s*{_STRING}\s*\]")


class _Questions(NamedTuple):
    intents: dict[str, int]  # of each text, numbered from 0; in the order of the file
    in_scope: int  # intents that are not of one question that has none
    notes: list[str]


def sniff(head: bytes, name: str) -> bool:
    if jsonl.has_fields(head, "prompt") or jsonl.has_fields(head, "messages"):
        return False
    text = head.decode(errors="replace").removeprefix("\ufeff")
    begin = _LIST.match(text)
    if begin:
        return bool(_PAIR.match(text, begin.end())) or (
            text[begin.end() :].lstrip().startswith("{") and _has_both(set(re.findall(r'"(\w+)"\s*:', text)))
        )
    if text.lstrip().startswith("{"):
        return _has_both({field for field in (*_TEXTS, *_INTENTS) if jsonl.has_fields(head, field)})
    names = _split(first_row(head))
    return _has_both(names) or names.issuperset(_PAIRS)


def read(
    source: Source, add: Callable[[Batch], None], *, tokenizer: str = "words", page_tokens: PageTokens = 16
) -> Facts:
    """`tokenizer`: words, bytes or module:object, see `tokenizers`. `page_tokens`: tokens in a page."""
    head = source.head().decode(errors="replace").removeprefix("\ufeff")
    top = first_row(source.head())
    if head.lstrip()[:1] in ("{", "["):
        questions = _labelled(_json(source, whole=bool(_LIST.match(head))))
    elif _split(top).issuperset(_PAIRS):
        questions = _paired(read_rows(source, delimiter=_delimiter(top)))
    else:
        questions = _labelled(_rows(read_rows(source, delimiter=_delimiter(top))))
    texts, intent = list(questions.intents), np.fromiter(questions.intents.values(), np.int32)
    for start in range(0, len(texts), _CHUNK):
        part = slice(start, start + _CHUNK)
        add(text_batch(texts[part], tokenizer, page_tokens, intent=intent[part]))
    notes = ["every question is asked once; the workload `questions` draws traffic from them", *questions.notes]
    return Facts(page_tokens, {"intents_in_scope": questions.in_scope}, notes + tokenizer_notes(tokenizer))


def _labelled(questions: Iterable[tuple[str, str]]) -> _Questions:
    """From texts and the names of their intents."""
    labels = Labels()
    numbers: dict[str, int] = {}
    blank = several = 0
    for text, name in questions:
        if not text.strip():
            blank += 1
            continue
        number = int(labels.number([None if name == _OUT_OF_SCOPE else name])[0])
        several += numbers.setdefault(text, number) != number
    in_scope = max(numbers.values(), default=-1) + 1
    free = in_scope
    for text, number in numbers.items():
        if number < 0:
            numbers[text] = free
            free += 1
    notes = [f"{several} times a question comes again with another intent; the first counts"] if several else []
    return _Questions(numbers, in_scope, notes + _left_out(blank))


def _paired(parts: Iterable[Rows]) -> _Questions:
    """From pairs, by union and find."""
    parent: dict[str, str] = {}
    different = []
    blank = 0

    def find(text: str) -> str:
        while parent[text] != text:
            parent[text] = text = parent[parent[text]]
        return text

    for rows in parts:
        first, second, duplicate = (_column(rows, [name]) for name in _PAIRS)
        for row in range(len(rows.lines)):
            one, other, same = (rows.columns[column][row] for column in (first, second, duplicate))
            if same.strip() not in ("0", "1"):
                raise rows.error(row, duplicate, "1 or 0")
            if not (one.strip() and other.strip()):
                blank += 1
                continue
            parent.setdefault(one, one)
            parent.setdefault(other, other)
            if same.strip() == "1":
                parent[find(other)] = find(one)
            else:
                different.append((one, other))
    labels = Labels()
    numbers = dict(zip(parent, labels.number(find(text) for text in parent).tolist(), strict=True))
    linked = sum(numbers[one] == numbers[other] for one, other in different)
    notes = [f"{linked} pairs that are said to differ are linked by others"] if linked else []
    return _Questions(numbers, max(numbers.values(), default=-1) + 1, notes + _left_out(blank))


def _left_out(blank: int) -> list[str]:
    return [f"{blank} rows with a blank question are left out"] if blank else []


def _rows(parts: Iterable[Rows]) -> Iterator[tuple[str, str]]:
    for rows in parts:
        text, intent = _column(rows, _TEXTS), _column(rows, _INTENTS)
        yield from zip(rows.columns[text], rows.columns[intent], strict=True)


def _json(source: Source, whole: bool) -> Iterator[tuple[str, str]]:
    """From a document, or from an object a line."""
    if whole:
        items = ((item, {"row": row}) for row, item in enumerate(_document(source), 1))
    else:
        items = ((record.fields, {"line": record.line}) for group in jsonl.groups(source) for record in group)
    for item, where in items:
        if isinstance(item, dict):
            item = [next((item[name] for name in names if name in item), None) for names in (_TEXTS, _INTENTS)]
        if not (isinstance(item, list) and len(item) == 2 and isinstance(item[0], str)):
            raise source.error("is no question", mend="write [text, intent], or an object with both", **where)
        text, intent = item
        if intent is not None and type(intent) not in (str, int):
            raise source.error(f"the intent is {str(intent)[:40]!r}", mend="it must be a text or a number", **where)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise source.error("the text has half a surrogate pair", mend=r"correct the \u escape", **where) from None
        yield text, "" if intent is None else str(intent)


def _document(source: Source) -> Iterator[Any]:
    """The members of the list that the file is, or of the lists in the object that it is."""
    size, parts = 0, []
    for _, text in source.texts():
        size += len(text)
        if size > _MAX_DOCUMENT:
            raise source.error(f"is JSON of more than {_MAX_DOCUMENT >> 20} MiB", mend="write an object a line")
        parts.append(text)
    document = jsonl.parse(source, "".join(parts), 1, "correct it, or name another format")
    lists = list(document.values()) if isinstance(document, dict) else [document]
    if not all(isinstance(each, list) for each in lists):
        raise source.error("is no list of questions, and no object of such lists", mend="name another format")
    return chain.from_iterable(lists)


def _delimiter(top: str) -> str:
    return next((mark for mark in "\t,;" if mark in top), ",")


def _split(top: str) -> set[str]:
    """The names of columns in the first row."""
    return {_plain(name) for name in top.split(_delimiter(top))}


def _plain(name: str) -> str:
    return name.strip().strip('"').lower()


def _has_both(names: set[str]) -> bool:
    return not (names.isdisjoint(_TEXTS) or names.isdisjoint(_INTENTS))


def _column(rows: Rows, names: Sequence[str]) -> int:
    """Where the first column stands that has one of `names`. Raises TraceError where none has."""
    plain = [_plain(name) for name in rows.names]
    for name in names:
        if name in plain:
            return plain.index(name)
    what = f"has no column called {' or '.join(names)}, only {', '.join(rows.names)[:200]}"
    raise rows.source.error(what, line=1, mend="rename the column that it is")
