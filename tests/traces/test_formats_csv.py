"""CSV readers: Azure, BurstGPT and any columns."""

import csv as csv_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.parameters import ParameterError
from kvreplay.traces import TraceError, load
from kvreplay.traces.formats.csv_rows import read_rows
from kvreplay.traces.formats.source import Source

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens"
AZURE_2023 = f"{AZURE}\r\n2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0319600,3180,8\r\n"
AZURE_2024 = f"{AZURE}\n2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:01+00:00,2399,6\n"
BURST = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,API log
45,GPT-4,1,0,1,API log
"""
BURST_3 = """Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
19440110.0,1722ac82,43,GPT-4,906,446,1352,Conversation log
19440161.5,,2,ChatGPT,36,29,65,API log
19440192.0,1722ac82,1,GPT-4,5,6,11,Conversation log
"""


@pytest.fixture
def csv(tmp_path):
    def write(text):
        path = tmp_path / "t.csv"
        path.write_bytes(text.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("text", "seconds", "start"),
    [
        (AZURE_2023, 0.052, "2023-11-16T18:17:03.979960+00:00"),
        (AZURE_2024, 0.99007, "2024-05-10T00:00:00.009930+00:00"),
    ],
)
def test_azure(csv, monkeypatch, text, seconds, start):
    monkeypatch.setenv("TZ", "America/New_York")
    trace = load(csv("\ufeff" + text))
    assert trace.arrival.tolist() == [0, pytest.approx(seconds, abs=1e-12)]
    assert trace.prompt_tokens.tolist() in ([4808, 3180], [2162, 2399])
    assert trace.output_tokens.tolist() in ([10, 8], [5, 6])
    assert not trace.has_pages
    assert trace.page_tokens is None
    assert trace.meta["start"] == start


def test_burstgpt(csv):
    trace = load(csv(BURST))
    assert trace.arrival.tolist() == [0, 40]
    assert trace.prompt_tokens.tolist() == [472, 1]
    assert trace.output_tokens.tolist() == [18, 0]
    assert trace.session is None
    assert not trace.has_pages


def test_burstgpt_sessions(csv):
    trace = load(csv(BURST_3))
    assert trace.session.tolist() == [0, -1, 0]
    assert trace.arrival.tolist() == [0, 51.5, 82]
    assert trace.meta["start"] == 19440110.0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2023-11-16 18:17:03,1,1", "comes after"),
        ("yesterday,1,1", "TIMESTAMP is 'yesterday'; it must be a date and time"),
        ("2023-11-16 18:17:05+00:00,1,1", "written as in the first row"),
        ("2023-11-16 18:17:05,x,1", "ContextTokens is 'x'; it must be a number"),
        ("2023-11-16 18:17:05,,1", "ContextTokens is ''; it must be a number"),
        ("2023-11-16 18:17:05,1.5,1", "ContextTokens is '1.5'; it must be a whole number from 0 to 100000000"),
        ("2023-11-16 18:17:05,-1,1", "ContextTokens is '-1'; it must be a whole number"),
        ("2023-11-16 18:17:05,1,1e30", "GeneratedTokens is '1e30'; it must be a whole number"),
        ("2023-11-16 18:17:05,1,nan", "GeneratedTokens is 'nan'; it must be a whole number"),
        ("2023-11-16 18:17:05,1", "2 fields, the first row has 3"),
        ("2023-11-16 18:17:05,1,1,1", "4 fields, the first row has 3"),
        ('"2023-11-16 18:17:05,1,1', "broken CSV"),
    ],
)
def test_a_bad_row_is_named(csv, row, message):
    path = csv(AZURE_2023 + "\n" + row + "\n")
    with pytest.raises(TraceError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}:5: ")
    assert message in str(error.value)


def test_a_missing_column_is_named(csv):
    with pytest.raises(TraceError, match=r"t.csv:1: has no column 'GeneratedTokens', only TIMESTAMP"):
        load(csv("TIMESTAMP,ContextTokens\n2023-11-16 18:17:03,1\n"), "azure")


COLUMNS = "when,who,url,bytes\n1500,ann,/a,10\n2500,bob,/b,20\n2500,ann,/a,11\n"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (COLUMNS, {"key": "url", "time": "when", "session": "who", "size": "bytes"}),
        (COLUMNS.replace(",", "\t"), {"key": "url", "time": "when", "session": "who", "size": "bytes"}),
        (COLUMNS.replace(",", ";"), {"key": 3, "time": "1", "session": 2, "size": 4, "header": True}),
        (COLUMNS.partition("\n")[2], {"key": 3, "time": 1, "session": 2, "size": 4}),
        (
            COLUMNS.replace(",", ":"),
            {"key": "url", "time": "when", "session": "who", "size": "bytes", "delimiter": ":"},
        ),
    ],
)
def test_columns_by_name_and_by_number(csv, text, options):
    trace = load(csv(text), "columns", time_unit="ms", **options)
    assert trace.pages.tolist() == [0, 1, 0]
    assert trace.arrival.tolist() == [0, 1, 1]
    assert trace.session.tolist() == [0, 1, 0]
    assert trace.page_bytes.tolist() == [11, 20]
    assert trace.access_bytes.tolist() == [10, 20, 11]
    (note,) = trace.meta["notes"]
    assert note.startswith("1 accesses give an object another size than its first")
    assert load(csv(text), "columns", time_unit="ms", **options | {"tenant": options["session"]}).tenant.tolist() == [
        0,
        1,
        0,
    ]
    assert trace.page_offsets is None


def test_costs_are_read(csv):
    text = "key,cost\na,0.5\nb,2\na,3\n"
    trace = load(csv(text))
    assert trace.page_cost.tolist() == [0.5, 2]
    assert trace.meta["notes"] == ["1 accesses give an object another cost than its first, which is kept"]
    for bad in ("-1", "nan", "1e31"):
        with pytest.raises(TraceError, match=rf"t.csv:4: cost is '{bad}'; it must be a number from 0 to 1e\+30"):
            load(csv(text.replace("3", bad)))


def test_quoted_keys_may_hold_delimiters_and_line_ends(csv):
    path = csv('id,n\n"a,\nb",1\nc,2\n"a,\nb",x\n')
    assert load(path, key="id").pages.tolist() == [0, 1, 0]
    with pytest.raises(TraceError, match=r"t.csv:6: n is 'x'"):
        load(path, key="id", size="n")


def test_keys_longer_than_a_word_are_told_apart(csv):
    keys = [f"{'prefix' * 10}{i}" for i in range(1000)]
    assert load(csv("k,x\n" + "".join(f"{key},1\n" for key in keys)), key="k").n_pages == 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no column is called key; say which holds it (--option key=…), of: when,who,url,bytes"),
        ({"key": "nope"}, "has no column 'nope', only when, who, url, bytes"),
        ({"key": 5}, "no column 5, only 4"),
        ({"key": "0"}, "no column 0, only 4"),
        ({"key": -1}, "no column -1, only 4"),
        ({"key": "url", "delimiter": "ab"}, "delimiter 'ab' is not usable"),
        ({"key": "url", "size": "who"}, "who is 'ann'"),
        ({"key": "url", "time": "bytes"}, ":4: time 11.0 comes after 20.0"),
    ],
)
def test_wrong_options_are_explained(csv, options, message):
    with pytest.raises(TraceError) as error:
        load(csv(COLUMNS), **options)
    assert message in str(error.value)


def test_an_empty_key_and_an_unknown_option_are_errors(csv):
    with pytest.raises(TraceError, match=r"t.csv:3: k is ''; it must be a key"):
        load(csv("k,v\na,1\n,2\n"), key="k")
    with pytest.raises(ParameterError, match="unknown parameter 'keys', did you mean 'key'"):
        load(csv(COLUMNS), keys="url")
    with pytest.raises(ParameterError, match="time_unit"):
        load(csv(COLUMNS), key="url", time_unit="h")


@pytest.mark.parametrize("text", ["\n" + AZURE_2023, AZURE_2023.replace("TIMESTAMP", '"TIMESTAMP')])
def test_a_header_that_is_none_is_named(csv, text):
    with pytest.raises(TraceError, match=r"t.csv:1: "):
        load(csv(text), "azure")


@given(
    rows=st.lists(st.lists(st.sampled_from(["", "a", "a b", "1", "ü", '"', "x,y", "p\nq"]), min_size=2, max_size=2)),
    quoted=st.booleans(),
)
def test_rows_are_those_that_the_csv_module_writes(tmp_path_factory, rows, quoted):
    path = tmp_path_factory.getbasetemp() / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv_module.writer(file, quoting=csv_module.QUOTE_ALL if quoted else csv_module.QUOTE_MINIMAL)
        writer.writerows([["k", "v"], *rows])
    found = [row for part in read_rows(Source(path)) for row in zip(*part.columns, strict=True)]
    assert found == [tuple(row) for row in rows]


def test_a_header_alone_holds_no_requests(csv):
    with pytest.raises(TraceError, match="holds no requests"):
        load(csv(AZURE + "\n"))
