"""Files of questions: with intents, in pairs, as CSV, TSV and JSON; and the traffic that is drawn from them."""

import json
from collections import Counter

import numpy as np
import pytest

from kvreplay.traces import TraceError, generate, load

LABELLED = (
    'text,category\nwhere is it,card\n"my ""new"" card,\nwhere is it",card\nis it raining,oos\nchange my PIN,pin\n'
)
DUPLICATES = (
    "id\tquestion1\tquestion2\tis_duplicate\n"
    "0\ta\tb\t1\n1\tc\td\t0\n2\td\te\t1\n3\tb\tf\t1\n4\ta\tf\t0\n5\t\tg\t0\n6\ta\tc\t0\n"
)
DOCUMENT = json.dumps(
    {"oos_val": [["is it raining", "oos"]], "train": [["where is it", "card"], ["my card", "card"], ["PIN", "pin"]]},
    indent=4,
)
OBJECTS = json.dumps([{"id": 1, "label": 3, "question": "where is it"}, {"label": None, "question": "hm"}])
A_LINE_EACH = '{"text": "where is it", "intent": "card"}\n{"intent": "card", "text": "my card"}\n'


def questions(tmp_path, content, name="q"):
    (tmp_path / name).write_text(content)
    trace = load(tmp_path / name)
    return dict(zip(trace.texts(), trace.intent.tolist(), strict=True)), trace.meta


BY_TABS = "id\tIntent\tQUERY\n1\tcard\twhere is it\n2\tcard\tmy card\n3\toos\tis it raining\n4\tpin\tchange my PIN\n"


@pytest.mark.parametrize("content", [LABELLED, BY_TABS])
def test_labelled_rows(tmp_path, content):
    found, meta = questions(tmp_path, content)
    assert list(found.values()) == [0, 0, 2, 1]
    assert meta["intents_in_scope"] == 2
    assert meta["format"] == "questions"


def test_duplicates_link_questions(tmp_path):
    found, meta = questions(tmp_path, DUPLICATES)
    assert found == {"a": 0, "b": 0, "c": 1, "d": 2, "e": 2, "f": 0}
    assert meta["intents_in_scope"] == 3
    assert "1 pairs that are said to differ are linked by others" in meta["notes"]
    assert "1 rows with a blank question are left out" in meta["notes"]


def test_json(tmp_path):
    assert questions(tmp_path, DOCUMENT)[0] == {"is it raining": 2, "where is it": 0, "my card": 0, "PIN": 1}
    assert questions(tmp_path, json.dumps(json.loads(DOCUMENT)["train"]))[0] == {
        "where is it": 0,
        "my card": 0,
        "PIN": 1,
    }
    assert questions(tmp_path, OBJECTS)[0] == {"where is it": 0, "hm": 1}
    assert questions(tmp_path, json.dumps({"data": json.loads(OBJECTS)}))[0] == {"where is it": 0, "hm": 1}
    assert questions(tmp_path, A_LINE_EACH)[0] == {"where is it": 0, "my card": 0}


def test_a_question_that_comes_again_is_asked_once_and_keeps_its_first_intent(tmp_path):
    found, meta = questions(tmp_path, "text,label\na,x\nb,y\na,x\na,y\n")
    assert found == {"a": 0, "b": 1}
    assert "1 times a question comes again with another intent; the first counts" in meta["notes"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("question1,question2,is_duplicate\na,b,yes\n", ":2: is_duplicate is 'yes'; it must be 1 or 0"),
        ("text,label\na\n", ":2: 1 fields, the first row has 2; "),
        ('[["a", "b"], ["c"]]', ": row 2: is no question; write "),
        ('[["a", "b"], ["c", ["d"]]]', ": row 2: the intent is "),
        ('[["a", "b"], ["\\ud800", "d"]]', ": row 2: the text has half a surrogate pair; "),
        ('[["a", "b"],\n ["c" "d"]]', r":2: is not JSON \(Expecting ',' delimiter\); "),
        ('{"x": [["a", "b"]], "y": 3}', ": is no list of questions, and no object of such lists; "),
        ('{"text": "a", "intent": "b"}\n{"text": "a"\n', r":2: is not JSON "),
        ("text,label\n ,x\n", ": holds no requests; "),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, content, message):
    (tmp_path / "q").write_text(content)
    with pytest.raises(TraceError, match=f"^{tmp_path / 'q'}{message}"):
        load(tmp_path / "q")


def test_a_file_without_such_columns_says_which_are_meant(tmp_path):
    (tmp_path / "q").write_text("a,b\n1,2\n")
    with pytest.raises(TraceError, match=r"no column called text or question or .*, only a, b; rename"):
        load(tmp_path / "q", "questions")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Traffic over 20 intents of 3 questions each and 30 questions out of scope; `w3-1` is of intent 3."""
    file = tmp_path_factory.mktemp("questions") / "q.csv"
    labelled = [f"w{intent}-{i},{intent}\n" for i in range(3) for intent in range(20)]
    file.write_text("text,intent\n" + "".join(labelled) + "".join(f"o{i},oos\n" for i in range(30)))
    return lambda **params: generate("questions", source=str(file), requests=30_000, **params)


def near(share, count):
    return pytest.approx(share, abs=5 * (share * (1 - share) / count) ** 0.5)


def test_traffic_is_zipf_over_intents_and_even_within(asked):
    trace = asked(skew=1.0, out_of_scope=0)
    texts = list(trace.texts())
    assert all(text.startswith(f"w{intent}-") for text, intent in zip(texts, trace.intent.tolist(), strict=True))
    most = 1 / sum(1 / rank for rank in range(1, 21))
    counts = np.sort(np.bincount(trace.intent))[::-1] / 30_000
    assert counts[0] == near(most, 30_000)
    assert counts[4] == near(most / 5, 30_000)
    assert sorted(Counter(text[-1] for text in texts).values())[0] / 30_000 == near(1 / 3, 30_000)


def test_questions_out_of_scope_have_their_share_and_an_intent_each(asked):
    for share in (None, 0.0, 0.1, 1.0):
        trace = asked(out_of_scope=share)
        outside = np.array([text[0] == "o" for text in trace.texts()])
        assert outside.mean() == near(30 / 90 if share is None else share, 30_000)
        assert np.array_equal(outside, trace.intent >= 20)
        pairs = set(zip(trace.texts(), trace.intent.tolist(), strict=True))
        assert len({intent for text, intent in pairs if text[0] == "o"}) == len({t for t, _ in pairs if t[0] == "o"})


def test_another_seed_likes_other_intents(asked):
    most = {int(np.bincount(asked(seed=seed).intent[:1000]).argmax()) for seed in range(5)}
    assert len(most) > 1


def test_a_share_that_the_file_cannot_give_is_refused(tmp_path):
    (tmp_path / "q.csv").write_text("text,intent\na,b\n")
    with pytest.raises(TraceError, match="has no questions without an intent; leave out_of_scope out"):
        generate("questions", source=str(tmp_path / "q.csv"), out_of_scope=0.5)
    (tmp_path / "q.csv").write_text("text,intent\na,oos\n")
    with pytest.raises(TraceError, match="has no questions with an intent; leave out_of_scope out"):
        generate("questions", source=str(tmp_path / "q.csv"), out_of_scope=0.5)
    with pytest.raises(TraceError, match=r"nowhere\.csv: no such file"):
        generate("questions", source="nowhere.csv")
