"""Whatever the OpenAPI document allows is answered as it says, and what it forbids is refused."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from .conftest import only_cached_pages_are_used, serving, settled

# Little room, so that limits are met, too.
TIGHT = {"pages": 40, "max_tokens": 64, "max_prompt_tokens": 300, "at_once": 2, "exact": 4}


KEY = {"Authorization": "Bearer sesame"}


def test_the_server_does_what_its_document_says(tmp_path):
    (tmp_path / "keys").write_text("sesame")
    asked = []
    with serving(**TIGHT, api_keys=str(tmp_path / "keys"), semantic=0.9, embedder="idf-seeded") as client:
        for result in schemathesis.openapi.from_url(f"{client.base_url}/openapi.json").get_all_operations():
            operation = result.ok()
            valid, *invalid = schemathesis.GenerationMode
            for mode in [valid, *(invalid if operation.body else [])]:

                @settings(
                    max_examples=15,
                    deadline=None,
                    derandomize=True,
                    suppress_health_check=list(HealthCheck),
                    phases=[Phase.generate],
                )
                @given(operation.as_strategy(generation_mode=mode))
                def calls(case):
                    # That a prompt has too many tokens, or ones that the model lacks, no document can say.
                    case.call_and_validate(headers=KEY, excluded_checks=[positive_data_acceptance])

                calls()
            asked.append(operation.label)
        told = settled(client, **KEY)
    assert len(asked) == 5
    assert only_cached_pages_are_used(told)
    assert told['kvreplay_requests_failed_total{reason="unavailable"}'] == 0
    assert told['kvreplay_requests_total{answered_by="model"}'] > 0
