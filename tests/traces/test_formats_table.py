"""Our own tables: what is written is read back, others' mistakes are named."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.traces import Batch, TraceBuilder, TraceError, load
from kvreplay.traces.formats import table
from kvreplay.traces.formats.source import Source
from kvreplay.traces.formats.table import read, write_table

KINDS = (".parquet", ".arrow")


@pytest.fixture
def undamaged(monkeypatch):
    """For files that polars reads: saves the second process."""
    monkeypatch.setattr(table, "_try_aside", lambda source, scan: None)


def make(requests, **columns):
    builder = TraceBuilder()
    keys = np.array([key for request in requests for key in request], np.uint64)
    counts = np.array([len(request) for request in requests], np.int32)
    builder.add(Batch(keys=keys, counts=counts, **columns))
    return builder.finish("t", page_tokens=16, meta={"licence": "CC0"})


def full():
    return make(
        [[1, 2, 3], [], [1, 2, 4]],
        arrival=np.array([0.5, 0.5, 9.25]),
        prompt_tokens=np.array([40, 0, 41]),
        output_tokens=np.array([1, 2, 3]),
        session=np.array([3, -1, 3]),
        tenant=np.array([7, 0, 7]),
        intent=np.array([-1, 7, 7]),
        texts=["a", "", "ü\n"],
        key_bytes=np.array([1, 2, 3, 1, 2, 4]) * 2**33,
        key_costs=np.array([0.5, 0, 1e30, 0.5, 0, 2]),
    )


def objects():
    builder = TraceBuilder()
    builder.add(Batch(keys=np.array([5, 6, 5], np.uint64), key_bytes=np.array([1, 2, 1])))
    return builder.finish("t")


def changing():
    builder = TraceBuilder()
    for sizes in ([1, 2, 1], [1, 3, 2]):
        builder.add(
            Batch(keys=np.array([5, 6, 5], np.uint64), key_bytes=np.array(sizes), key_costs=np.array([1.5] * 3))
        )
    return builder.finish("t")


def lengths():
    builder = TraceBuilder()
    builder.add(Batch(prompt_tokens=np.array([3, 4]), arrival=np.array([0.0, 1.0])))
    return builder.finish("t")


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize(
    "trace", [full(), objects(), changing(), lengths()], ids=["full", "objects", "changing", "lengths"]
)
def test_what_is_written_is_read_back(tmp_path, undamaged, monkeypatch, trace, suffix):
    monkeypatch.setattr(table, "_ACCESSES", 2)
    path = tmp_path / f"t{suffix}"
    write_table(trace, path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    found = load(path)
    assert found.content_hash == trace.content_hash
    assert (found.page_tokens, found.n_pages, found.name) == (trace.page_tokens, trace.n_pages, "t")
    if suffix == ".parquet" and trace.meta:
        assert found.meta["licence"] == "CC0"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1).filter(any), st.integers(1, 8))
def test_any_pages_survive(tmp_path_factory, requests, accesses):
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    trace = make(requests)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_ACCESSES", accesses)
        patch.setattr(table, "_try_aside", lambda source, scan: None)
        write_table(trace, path)
        builder = TraceBuilder()
        facts = read(Source(path), builder.add)
    assert builder.finish("t", page_tokens=facts.page_tokens).content_hash == trace.content_hash


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(TraceError, match=r"unknown kind of table; end its name in .parquet or .arrow"):
        write_table(objects(), tmp_path / "t.feather")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "_ACCESSES", 2)
    good = table._frame
    calls = []

    def failing(*args):
        calls.append(args)
        if len(calls) > 2:
            raise RuntimeError("no more")
        return good(*args)

    monkeypatch.setattr(table, "_frame", failing)
    with pytest.raises(Exception, match="no more"):  # polars wraps it in an error of its own
        write_table(objects(), tmp_path / "t.parquet")
    assert not list(tmp_path.iterdir())


def test_text_labels_are_numbered(tmp_path, undamaged):
    pl.DataFrame({"key": [1, 2, 1], "session": ["b", None, "b"]}).write_parquet(tmp_path / "t.parquet")
    assert load(tmp_path / "t.parquet").session.tolist() == [0, -1, 0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"keys": ["a"]}, "column keys is String; it must be a list of whole numbers"),
        ({"keys": [[1.5]]}, "a list in keys holds no whole numbers"),
        ({"keys": [[1, None]]}, "a list in keys holds no whole numbers"),
        ({"keys": [[1], None]}, "row 2: keys is missing"),
        ({"keys": [[-1]]}, "unreadable table"),
        ({"key": [1.0]}, "column key is Float64; it must be a whole number"),
        ({"key": [1, 2], "size": [1, -2]}, "sizes do not match the keys"),
        ({"keys": [[1], [2, 3]], "sizes": [[1, 2], [3]]}, "sizes do not match the keys"),
        ({"keys": [[1], [2]], "size": [1, 2]}, "sizes do not match the keys"),
        ({"size": [1]}, "sizes do not match the keys"),
        ({"key": [1, 2], "cost": [1, -2]}, "costs do not match the keys; give each key one, from 0 to 1e+30"),
        ({"key": [1, 2], "cost": [1.0, float("nan")]}, "costs do not match the keys"),
        ({"keys": [[1], [2, 3]], "costs": [[1, 2], [3]]}, "costs do not match the keys"),
        ({"key": [1], "cost": ["a"]}, "column cost is String; it must be a number"),
        ({"keys": [[1]], "costs": [["a"]]}, "a list in costs holds no numbers"),
        ({"key": [1, 2], "arrival": [1.0, 0.5]}, "row 2: time 0.5 comes after 1.0"),
        ({"key": [1, 2], "arrival": [1.0, float("nan")]}, "row 2: time nan is no time"),
        ({"key": [1, 2], "arrival": [1.0, None]}, "row 2: arrival is missing; it must be a number"),
        ({"key": [1], "arrival": ["1"]}, "column arrival is String; it must be a number"),
        ({"key": [1, 2], "prompt_tokens": [1, -1]}, "row 2: prompt_tokens is -1; it must be a whole number"),
        ({"key": [1, 2], "prompt_tokens": [1, 2**31]}, "row 2: prompt_tokens is 2147483648"),
        ({"key": [1], "session": [-2]}, "row 1: session is -2"),
        ({"key": [1], "text": [1]}, "column text is Int64; it must be text"),
        ({"key": [1, 2], "page_tokens": [16, 32]}, "page_tokens differs from row to row"),
        ({"key": [1], "page_tokens": [0]}, "row 1: page_tokens is 0"),
        ({"unrelated": [1]}, "holds no requests"),
        ({"key": pl.Series([], dtype=pl.UInt64)}, "holds no requests"),
    ],
)
@pytest.mark.parametrize("suffix", KINDS)
def test_bad_columns_are_named(tmp_path, undamaged, suffix, columns, message):
    path = tmp_path / f"t{suffix}"
    frame = pl.DataFrame(columns)
    frame.write_parquet(path) if suffix == ".parquet" else frame.write_ipc(path)
    with pytest.raises(TraceError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


@pytest.mark.parametrize("metadata", ["[]", "{", "[" * 100_000])
def test_bad_metadata_are_named(tmp_path, undamaged, metadata):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"key": [1]}).write_parquet(path, metadata={"kvreplay": metadata})
    with pytest.raises(TraceError, match="metadata under 'kvreplay' are no JSON object"):
        load(path)


@pytest.mark.parametrize("suffix", KINDS)
def test_a_truncated_table_is_refused(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    write_table(full(), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TraceError, match=r"unreadable table \(.+\); write the file again"):
        load(path)
