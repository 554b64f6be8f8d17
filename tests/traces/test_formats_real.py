"""The real traces, where KVREPLAY_TRACE_DIR has them: figures from the mirror's own description of its files."""

import os
from pathlib import Path

import numpy as np
import pytest

from kvreplay.traces import load

FOLDER = os.environ.get("KVREPLAY_TRACE_DIR")


@pytest.fixture
def real(tmp_path, monkeypatch):
    def find(name):
        if not FOLDER:
            pytest.skip("KVREPLAY_TRACE_DIR is not set")
        path = Path(FOLDER) / name
        if not path.exists():
            pytest.skip(f"{name} is not in KVREPLAY_TRACE_DIR")
        return path

    monkeypatch.setenv("KVREPLAY_CACHE_DIR", str(tmp_path))
    return find


def test_mooncake_conversation(real):
    trace = load(real("mooncake_conversation.jsonl"))
    assert trace.n_requests == 12_031
    assert trace.n_accesses == 288_500
    assert trace.n_pages == 182_790
    assert trace.prompt_tokens.sum() == 144_793_823
    assert trace.output_tokens.sum() == 4_122_048
    assert round(trace.duration) == 3537
    assert trace.page_tokens == 512
    assert trace.parent is not None  # its ids form a tree


def test_weka_agentic(real):
    trace = load(real("weka_agentic_40.jsonl.zst"))
    assert trace.n_requests == 3_209
    assert trace.n_accesses == 5_542_224
    assert trace.n_pages == 261_899
    assert trace.page_tokens == 64
    assert trace.session.max() + 1 == 40
    # One conversation starts every 60 s.
    starts = [trace.arrival[(trace.session == session).argmax()] for session in range(40)]
    assert starts == [60.0 * session for session in range(40)]


def test_azure_2023_code(real):
    trace = load(real("azure_llm_2023_code.csv"))
    assert trace.n_requests == 8_819
    assert trace.prompt_tokens[:3].tolist() == [4808, 3180, 110]  # the file's first lines
    assert trace.output_tokens[:3].tolist() == [10, 8, 27]
    assert trace.arrival[:3].tolist() == pytest.approx([0, 0.052, 0.098189], abs=1e-9)
    assert not trace.has_pages


def test_banking77_by_its_columns(real):
    trace = load(real("banking77_train.csv.gz"), "columns", key="category")
    assert (trace.n_requests, trace.n_pages) == (10_003, 77)


def test_banking77_as_questions(real):
    trace = load(real("banking77_train.csv.gz"))
    assert (trace.n_requests, trace.intent.max() + 1, trace.meta["intents_in_scope"]) == (10_003, 77, 77)
    assert next(trace.texts()) == "I am still waiting on my card?"


def test_clinc150_as_questions(real):
    trace = load(real("clinc150.json.gz"))
    assert trace.meta["intents_in_scope"] == 150
    counts = np.bincount(trace.intent)
    assert counts[150:].tolist() == [1] * 1_200
    # 150 questions of each intent, but for those that come twice.
    assert 150 * 150 - 10 < counts[:150].sum() <= 150 * 150
    assert counts[:150].max() == 150
