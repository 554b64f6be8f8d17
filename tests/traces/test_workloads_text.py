"""The workloads with readable text: the phrase grammar, intents, sharing, and pages as tokens have them."""

import re

import numpy as np
import pytest

from kvreplay.traces.errors import TraceError
from kvreplay.traces.tokenizers import tokenize
from kvreplay.traces.workloads import generate
from kvreplay.traces.workloads.text_domains import combinations, domains, intents
from kvreplay.traces.workloads.text_handbook import handbook
from kvreplay.traces.workloads.text_phrases import every_wording, parse, word
from kvreplay.traces.workloads.text_topics import FAMILIES

TEXT = ("repetitive", "paraphrased", "diverse", "system_prompt")


def _spoken(text):
    """What is left when case and punctuation are no longer heard."""
    return re.sub(r"[^a-z0-9 ]", "", text.lower()).strip()


def test_every_wording_makes_each_choice_in_turn():
    phrase = parse("a[b|[c|d]e|]f")
    assert list(every_wording(phrase)) == ["abf", "acef", "adef", "af"]
    assert [word(phrase, dice) for dice in range(6)] == [
        ("abf", 0),
        ("acef", 0),
        ("af", 0),
        ("abf", 1),
        ("adef", 0),
        ("af", 1),
    ]


@pytest.mark.parametrize("wrong", ["a[b", "a]b", "a|b", "[a]]"])
def test_unbalanced_brackets_are_refused(wrong):
    with pytest.raises(ValueError, match=re.escape(repr(wrong))):
        parse(wrong)


def test_no_question_has_two_intents():
    owner = {}
    for intent in intents():
        for text in every_wording(intent.phrase):
            assert owner.setdefault(_spoken(text), intent) is intent, text
    assert len(intents()) > 600
    assert len(owner) > 20_000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I enable dark mode?", "How do I disable dark mode?"),
        ("How can I raise the fridge temperature?", "How can I lower the fridge temperature?"),
        ("What is 15 percent of 240?", "What is 75 percent of 240?"),
        ("How do I open a savings account?", "How do I close a savings account?"),
        ("How many miles are 5 kilometres?", "How many kilometres are 5 miles?"),
        ("Where can I cancel my flight?", "Where can I cancel my train ticket?"),
    ],
)
def test_opposites_and_near_misses_are_different_intents(one, other):
    owners = [
        next(intent for intent in intents() if _spoken(text) in map(_spoken, every_wording(intent.phrase)))
        for text in (one, other)
    ]
    assert owners[0] is not owners[1]


def test_texts_are_clean():
    rng = np.random.default_rng(0)
    texts = [intent.wording(int(rng.integers(2**63))) for intent in intents() for _ in range(5)]
    texts += [handbook(domain, 0, 2_000, rng) for domain in domains()]
    texts += [
        family.templates[0].format_map(slots) + ending
        for family, endings in FAMILIES
        for slots in combinations(family)
        for ending in endings
    ]
    for text in texts:
        assert not re.search(r"[\[\]{}|]|  | [,.?!]|[,.?!]{2}|\b(\w+) \1\b", text), text


def test_every_wording_starts_like_a_sentence_or_is_lower_case_throughout():
    rng = np.random.default_rng(0)
    for intent in intents():
        text = intent.wording(int(rng.integers(2**63)))
        assert text[0].isupper() or text[0].isdigit() or text == text.lower()


@pytest.mark.parametrize("name", TEXT)
def test_pages_are_shared_exactly_where_the_tokens_are(name):
    small = {"system_words": 60, "questions": 10} if name == "system_prompt" else {}
    trace = generate(name, requests=300, page_tokens=4, **small)
    ids, expected = {}, []
    for text in trace.texts():
        tokens = tokenize([text], "words")[0].tolist()
        prefixes = [tuple(tokens[: at + 4]) for at in range(0, len(tokens), 4)]
        expected += [ids.setdefault(prefix, len(ids)) for prefix in prefixes]
    assert trace.pages.tolist() == expected
    assert trace.parent is not None
    assert trace.prompt_tokens.tolist() == [len(tokenize([text], "words")[0]) for text in trace.texts()]


@pytest.mark.parametrize("name", TEXT)
def test_one_text_has_one_intent(name):
    trace = generate(name, requests=1_000)
    pairs = set(zip(trace.texts(), trace.intent.tolist(), strict=True))
    assert len(pairs) == len({text for text, _ in pairs})


def test_repetitive_repeats_few_questions_verbatim_by_zipfs_law():
    trace = generate("repetitive", requests=20_000, questions=40, skew=1.0)
    assert len(set(trace.texts())) == 40
    share = 1 / sum(1 / k for k in range(1, 41))
    within = 5 * (share * (1 - share) / 20_000) ** 0.5
    assert np.bincount(trace.intent).max() / 20_000 == pytest.approx(share, abs=within)


@pytest.mark.parametrize("verbatim", [0.0, 0.3, 1.0])
def test_paraphrased_repeats_the_share_asked_for(verbatim):
    trace = generate("paraphrased", requests=5_000, intents=100, verbatim_share=verbatim)
    again = _repeated(trace)
    within = 5 * (verbatim * (1 - verbatim) / len(again)) ** 0.5
    assert np.mean(again) == pytest.approx(verbatim, abs=within)


def _repeated(trace):
    """For every request whose intent has been asked before: whether in a wording used before."""
    known, again = {}, []
    for text, intent in zip(trace.texts(), trace.intent.tolist(), strict=True):
        if intent in known:
            again.append(text in known[intent])
        known.setdefault(intent, set()).add(text)
    return again


def test_diverse_rarely_asks_twice():
    trace = generate("diverse", requests=4_000, verbatim_share=0.1)
    assert len(set(trace.texts())) == len(set(trace.intent))
    assert 4_000 - len(set(trace.intent)) == pytest.approx(400, abs=5 * (4_000 * 0.1 * 0.9) ** 0.5)
    assert len(set(generate("diverse", requests=4_000, verbatim_share=0).texts())) == 4_000


def test_a_few_long_system_prompts_are_shared():
    trace = generate("system_prompt", requests=600, system_prompts=3, system_words=400)
    systems = {text.split("\n\nCustomer: ")[0] for text in trace.texts()}
    assert len(systems) == 3
    for system in systems:
        assert 400 <= len(system.split()) < 450
        questions = [text for text in trace.texts() if text.startswith(system)]
        assert len(questions) > 100
    # All but the questions' own pages are known from the second time on: three prompts of 400 to 600 tokens.
    assert trace.n_accesses / trace.n_requests > 400 / 16
    assert trace.n_pages < 3 * 600 / 16 + 600 * 4


def test_a_handbook_is_as_long_as_asked_and_each_company_has_its_own():
    books = [
        handbook(domain, company, words, np.random.default_rng(1))
        for domain in domains()[:3]
        for company in range(6)
        for words in (100, 3_000)
    ]
    assert len(set(books)) == len(books)
    lengths = [len(book.split()) for book in books]
    assert all(100 <= length < 150 for length in lengths[::2])
    assert all(3_000 <= length < 3_050 for length in lengths[1::2])


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("repetitive", {"questions": 10_000}, r"10000 intents asked for, there are \d+; ask for fewer"),
        ("system_prompt", {"questions": 500}, r"500 intents asked for, there are \d+; ask for fewer"),
        ("diverse", {"requests": 100_000}, r"\d+ different prompts needed, there are \d+; lower requests"),
    ],
)
def test_more_than_there_are_is_refused(name, params, message):
    with pytest.raises(TraceError, match=f"^{message}$"):
        generate(name, **params)
