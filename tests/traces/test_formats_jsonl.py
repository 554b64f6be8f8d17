"""JSONL readers: Mooncake, Bailian and prompts, on traces small enough to read."""

import json

import numpy as np
import pytest

from kvreplay.traces import TraceError, load


@pytest.fixture
def jsonl(tmp_path):
    def write(*records):
        path = tmp_path / "t.jsonl"
        path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records))
        return path

    return write


def request(**changes):
    return {"timestamp": 1000, "input_length": 1025, "output_length": 7, "hash_ids": [3, 9, 4]} | changes


def test_mooncake(jsonl):
    trace = load(jsonl(request(), request(timestamp=2500, input_length=600, hash_ids=[3, 8])))
    assert trace.pages.tolist() == [0, 1, 2, 0, 3]
    assert trace.offsets.tolist() == [0, 3, 5]
    assert trace.parent.tolist() == [-1, 0, 1, 0]
    assert trace.arrival.tolist() == [0, 1.5]
    assert trace.prompt_tokens.tolist() == [1025, 600]
    assert trace.output_tokens.tolist() == [7, 7]
    assert trace.page_tokens == 512
    assert trace.session is None
    assert trace.meta["format"] == "mooncake"
    assert trace.meta["source"] == "t.jsonl"
    assert trace.meta["start"] == 1000


def test_mooncake_sessions_are_numbered_as_they_come(jsonl):
    trace = load(jsonl(*(request(session=name) for name in ("b", 7, "b", None))))
    assert trace.session.tolist() == [0, 1, 0, -1]


@pytest.mark.parametrize(
    ("lengths", "options", "page_tokens", "note"),
    [
        ([(1025, 3), (512, 1)], {}, 512, "blocks of 512 tokens fit every request"),
        ([(1025, 3), (1024, 2)], {}, 512, "blocks of 512 tokens fit every request"),
        ([(129, 3), (128, 2)], {}, 64, "blocks of 64 tokens fit every request"),
        ([(100, 1)], {}, 512, "any size from 100 to"),
        ([(1000, 2), (1500, 2)], {}, 750, "any size from 750 to 999"),  # ceil; no power of two
        ([(127, 1), (191, 2), (256, 4)], {}, 64, "full blocks only"),  # floor
        ([(127, 1), (64, 1)], {"page_tokens": 64}, 64, "full blocks only"),
        ([(0, 0), (5, 1)], {"page_tokens": 5}, 5, None),
    ],
)
def test_mooncake_block_size(jsonl, lengths, options, page_tokens, note):
    trace = load(jsonl(*(request(input_length=tokens, hash_ids=list(range(n))) for tokens, n in lengths)), **options)
    assert trace.page_tokens == page_tokens
    # Whatever was found out must fit every request, one way or the other.
    ceil = [-(-tokens // page_tokens) == n for tokens, n in lengths]
    floor = [tokens // page_tokens == n for tokens, n in lengths]
    assert all(ceil) or all(floor)
    if note:
        assert note in " ".join(trace.meta["notes"])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("[1]", "not an object"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"timestamp": ' + "1" * 5000 + "}", "is not JSON"),
        (request(timestamp=999), "time 999.0 comes after 1000.0; sort the file by time"),
        (request(timestamp=-1), "time -1.0 is no time"),
        (request(timestamp=float("nan")), "time nan is no time"),
        (request(timestamp=1e300), "time 1e+300 is beyond 1e+12 seconds; check its unit"),
        (request(timestamp=float("inf")), "'timestamp' is inf; it must be a number"),
        (request(timestamp=10**400), "'timestamp' is 1000"),
        (request(timestamp="0"), "'timestamp' is '0'; it must be a number"),
        (request(timestamp=True), "'timestamp' is True"),
        (request(input_length=-1), "'input_length' is -1; it must be a whole number from 0 to"),
        (request(input_length=10**9), "'input_length' is 1000000000"),
        (request(input_length=1025.0), "'input_length' is 1025.0"),
        (request(output_length=None), "'output_length' is None"),
        (request(hash_ids=None), "has no list 'hash_ids'"),
        (request(hash_ids=[1, -1, 2]), "a hash_id is no whole number"),
        (request(hash_ids=[1, 2**64, 2]), "a hash_id is no whole number"),
        (request(hash_ids=[1, 1.5, 2]), "a hash_id is no whole number"),
        (request(hash_ids=[1, "2", 3]), "a hash_id is no whole number"),
        (request(hash_ids=[1]), "1 hash_ids for an input_length of 1025; no block size fits"),
        (request(hash_ids=[]), "0 hash_ids for an input_length of 1025"),
        (request(session=1), "has a 'session', the first request has none"),
        ({"timestamp": 1}, "has no list 'hash_ids'"),
    ],
)
def test_a_bad_line_is_named(jsonl, bad, message):
    path = jsonl(request(), "", bad)
    with pytest.raises(TraceError) as error:
        load(path, "mooncake")
    assert str(error.value).startswith(f"{path}:3: ")
    assert message in str(error.value)


def test_a_wrong_page_size_is_refused(jsonl):
    with pytest.raises(TraceError, match=r":1: 3 hash_ids .* page_tokens=16 would make it 65, or 64 of full"):
        load(jsonl(request()), page_tokens=16)


def test_the_largest_ids_are_told_apart(jsonl):
    trace = load(jsonl(request(hash_ids=[2**64 - 1, 2**64 - 2, 2**63])))
    assert trace.pages.tolist() == [0, 1, 2]


def test_bailian_times_are_seconds_and_chats_form_sessions(jsonl):
    def chat(number, parent, **changes):
        return {"chat_id": number, "parent_chat_id": parent, "type": "text", "turn": 1} | request(
            input_length=40, **changes
        )

    trace = load(jsonl(chat(5, -1, timestamp=1.5), chat(8, -1, timestamp=2.0), chat(6, 5, timestamp=61.114)))
    assert trace.meta["format"] == "bailian"
    assert trace.page_tokens == 16
    assert trace.arrival.tolist() == [0, 0.5, 61.114 - 1.5]
    assert trace.session.tolist() == [0, 1, 0]


def test_prompts_share_pages_as_far_as_they_share_words(jsonl):
    path = jsonl(
        {"prompt": "a b c d e", "timestamp": 3, "session": "x", "intent": "greet", "output_tokens": 4},
        {"prompt": "a b c  d f", "timestamp": 4.5, "session": "y", "intent": None, "output_tokens": 0},
        {"prompt": "c d", "timestamp": 4.5, "session": "x", "intent": "greet", "output_tokens": 1},
    )
    trace = load(path, page_tokens=2)
    assert trace.pages.tolist() == [0, 1, 2, 0, 1, 3, 4]
    assert trace.parent.tolist() == [-1, 0, 1, 1, -1]
    assert trace.prompt_tokens.tolist() == [5, 5, 2]
    assert trace.output_tokens.tolist() == [4, 0, 1]
    assert trace.arrival.tolist() == [0, 1.5, 1.5]
    assert trace.session.tolist() == [0, 1, 0]
    assert trace.intent.tolist() == [0, -1, 0]
    assert list(trace.texts()) == ["a b c d e", "a b c  d f", "c d"]
    assert trace.page_tokens == 2


def test_bytes_tokenizer_and_prompts_alone(jsonl):
    trace = load(jsonl({"prompt": "äb"}, {"prompt": ""}), tokenizer="bytes", page_tokens=2)
    assert trace.prompt_tokens.tolist() == [3, 0]
    assert trace.offsets.tolist() == [0, 2, 2]
    assert trace.arrival is None


def test_chats_share_what_was_said_before(jsonl):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
    ]
    trace = load(jsonl({"messages": turns[:2]}, {"messages": turns}), page_tokens=1)
    first, second = np.split(trace.pages, [trace.offsets[1]])
    assert second[: len(first)].tolist() == first.tolist()
    assert len(second) > len(first)
    texts = list(trace.texts())
    assert texts[0] == "<|system|>\nBe brief.\n<|user|>\nHi\n"
    assert texts[1].startswith(texts[0])
    assert "tool_calls" in texts[1]
    assert "image_url" in texts[1]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"messages": "hi"}, "neither a text 'prompt' nor a list of 'messages'"),
        ({"messages": ["hi"]}, "neither a text 'prompt' nor a list of 'messages'"),
        ({"prompt": ["hi"]}, "'prompt' is no text"),
        ({}, "neither"),
        (r'{"prompt": "\ud800"}', "half a surrogate pair"),
        ({"prompt": "a", "session": [1]}, "'session' is [1]; it must be a text or a whole number"),
        ({"prompt": "a", "intent": 1}, "has a 'intent', the first request has none"),
    ],
)
def test_a_bad_prompt_is_named(jsonl, bad, message):
    path = jsonl({"prompt": "a", "session": 1}, bad)
    with pytest.raises(TraceError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}:2: ")
    assert message in str(error.value)


def test_another_tokenizer_is_named_by_its_module(jsonl, tmp_path, monkeypatch):
    module = tmp_path / "mytok.py"
    module.write_text("encode = lambda text: [len(word) for word in text.split()]\nbad = lambda text: [-1]\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = jsonl({"prompt": "aa b cc"})
    trace = load(path, tokenizer="mytok:encode", page_tokens=1)
    assert trace.prompt_tokens.tolist() == [3]
    for name, message in [
        ("mytok:bad", "must be whole numbers"),
        ("mytok:none", "cannot be imported"),
        ("nowhere:x", "cannot be imported"),
        ("mytok:__name__", "is no function"),
        ("word", "did you mean 'words'"),
    ]:
        with pytest.raises(TraceError, match=message):
            load(path, tokenizer=name)
    # An edited tokenizer makes other tokens: what was stored with the old one does not count.
    module.write_text("encode = lambda text: [7]\n")
    monkeypatch.delitem(__import__("sys").modules, "mytok")
    assert load(path, tokenizer="mytok:encode", page_tokens=1).prompt_tokens.tolist() == [1]
