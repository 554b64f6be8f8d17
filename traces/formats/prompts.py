"""JSONL of prompts: text becomes tokens, and tokens become pages that each stand for the whole prefix before them.

``{"prompt": "..."}``, or chat ``{"messages": [{"role": "...", "content": "..."}, ...]}``, each with an optional
``timestamp`` (s), ``output_tokens``, ``session`` and ``intent`` (requests of one intent want one answer).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from ..builder import Batch
from ..text_batch import text_batch, tokenizer_notes
from . import Facts, jsonl
from .fields import Clock, Labels, PageTokens
from .jsonl import Record
from .source import Source

VERSION = 1

_OPTIONAL = ("timestamp", "output_tokens", "session", "intent")


def sniff(head: bytes, name: str) -> bool:
    return jsonl.has_fields(head, "prompt") or jsonl.has_fields(head, "messages")


def read(
    source: Source, add: Callable[[Batch], None], *, tokenizer: str = "words", page_tokens: PageTokens = 16
) -> Facts:
    """`tokenizer`: words, bytes or module:object, see `tokenizers`. `page_tokens`: tokens in a page."""
    clock, sessions, intents = Clock(source), Labels(), Labels()
    given: set[str] = set()
    for group in jsonl.groups(source, optional=_OPTIONAL):
        given = given or {"text", *_OPTIONAL} & {"text", *group[0].fields}
        texts = [_text(record) for record in group]
        lines = [record.line for record in group]
        arrival, output = None, None
        if "timestamp" in given:
            arrival = clock.seconds(np.array([record.number("timestamp") for record in group]), lines)
        if "output_tokens" in given:
            output = np.array([record.integer("output_tokens") for record in group])
        add(
            text_batch(
                texts,
                tokenizer,
                page_tokens,
                arrival=arrival,
                output_tokens=output,
                session=sessions.number(r.label("session") for r in group) if "session" in given else None,
                intent=intents.number(r.label("intent") for r in group) if "intent" in given else None,
            )
        )
    return Facts(page_tokens, {"start": clock.start}, tokenizer_notes(tokenizer))


def _text(record: Record) -> str:
    """The prompt, or the chat as one text."""
    if "prompt" in record.fields:
        text = record.fields["prompt"]
        if not isinstance(text, str):
            raise record.error("'prompt' is no text", mend="write chats as 'messages'")
    else:
        messages = record.fields.get("messages")
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise record.error("has neither a text 'prompt' nor a list of 'messages'", mend="give one of them")
        text = chat_text(messages)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise record.error("the text has half a surrogate pair", mend=r"correct the \u escape") from None
    return text


def chat_text(messages: list[dict[str, Any]]) -> str:
    """A chat as one text, in which each message stands behind a line with its role."""
    return "".join(f"<|{message.get('role', '')}|>\n{_content(message)}\n" for message in messages)


def _content(message: dict[str, Any]) -> str:
    """What a message says; what is no text (tool calls, images) as JSON: equal content still gives equal tokens."""
    content = message.get("content")
    if isinstance(content, str) and message.keys() <= {"role", "content"}:
        return content
    return json.dumps({key: value for key, value in message.items() if key != "role"}, sort_keys=True)
