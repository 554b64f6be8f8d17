"""Keys let in those who have one, and keep apart what is cached for each."""

from __future__ import annotations

import pytest

from kvreplay.simulator.server.errors import ServerError
from kvreplay.simulator.server.tenants import Tenants

from .conftest import figures, serving
from .test_http import by, complete

PROMPT = "a secret prompt of one tenant's, of some pages"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("sesame\nmellon\n")
    with serving(api_keys=str(keys)) as client:
        yield client


@pytest.mark.parametrize(
    "given",
    [None, "", "sesame", "Bearer", "Bearer sesam", "Bearer sesame2", "Basic sesame", "Bearer s\xe9same"],
)
def test_nobody_comes_in_without_a_key(guarded, given):
    headers = {} if given is None else {"authorization": given.encode("latin-1")}
    for method, path in (
        ("POST", "chat/completions"),
        ("POST", "completions"),
        ("GET", "models"),
        ("GET", "../metrics"),
    ):
        body = {"json": {"messages": [{"role": "user", "content": "x"}]}} if "chat" in path else {}
        body = {"json": {"prompt": "x"}} if path == "completions" else body
        refused = guarded.request(method, f"/v1/{path}", headers=headers, **body)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["error"]["code"] == "invalid_api_key"
    assert guarded.get("/health").status_code == 200


def test_tenants_find_nothing_of_each_others(guarded):
    def ask(key: str, prompt: str):
        headers = {"authorization": f"Bearer {key}"}
        return guarded.post("/v1/completions", json={"prompt": prompt, "max_tokens": 4}, headers=headers)

    assert [by(ask("sesame", prompt)) for prompt in (PROMPT, PROMPT, PROMPT + "!")] == ["model", "exact", "prefix"]
    others = [ask("mellon", prompt) for prompt in (PROMPT, PROMPT + "!", PROMPT)]
    assert [by(other) for other in others] == ["model", "prefix", "exact"]
    assert others[0].json()["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}
    told = figures(guarded, authorization="Bearer mellon")
    assert told['kvreplay_requests_total{answered_by="model"}'] == 2


def test_a_similar_question_is_answered_only_where_it_was_asked_for():
    asked = "how do I reset the password of my account"
    similar = "how do I reset my account password"
    with serving(semantic=0.5, embedder="idf-seeded") as client:

        def chat(question: str, system: str = "", **fields):
            turns = [{"role": "system", "content": system}, {"role": "user", "content": question}]
            return client.post("/v1/chat/completions", json={"messages": turns, "max_tokens": 4, **fields})

        first, again = chat(asked), chat(similar)
        assert by(again) == "semantic"
        assert again.json()["choices"] == first.json()["choices"]
        assert 0.5 <= float(again.headers["x-kvreplay-similarity"]) < 1
        assert by(chat(similar, "behind another system prompt")) == "model"
        assert by(chat(similar, max_tokens=5)) == "prefix"  # another length
        assert by(chat("how do I not " + similar[9:])) == "prefix"  # the guard: it negates
        assert by(chat(asked)) == "exact"
    with serving() as client:
        assert [by(complete(client, prompt, max_tokens=4)) for prompt in (asked, similar)] == ["model", "model"]


def test_a_file_of_keys_has_some(tmp_path):
    (tmp_path / "keys").write_text("\n")
    with pytest.raises(ServerError, match="has no key; write one a line"):
        Tenants.read(tmp_path / "keys")
    assert Tenants().of(None) == Tenants().of("any") == ""
    names = {Tenants(["a", "b"]).of(key) for key in "ab"}
    assert len(names) == 2
    assert not names & {"a", "b"}  # they stand in caches and logs
