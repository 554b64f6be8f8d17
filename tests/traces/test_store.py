"""Traces on disk: what was saved is opened, damage is noticed, other folders are left alone."""

import json

import numpy as np
import pytest

from kvreplay.traces import Trace, TraceError, store
from kvreplay.traces.trace import COLUMNS


@pytest.fixture
def trace():
    return Trace(
        name="t",
        pages=np.array([0, 1, 0], np.uint32),
        n_pages=2,
        page_offsets=np.array([0, 2, 3]),
        arrival=np.array([0.0, 1.5]),
        parent=np.array([-1, 0], np.int32),
        page_tokens=16,
        meta={"source": "hand"},
    )


@pytest.fixture
def folder(trace, tmp_path):
    store.save(trace, tmp_path / "t.kvtrace")
    return tmp_path / "t.kvtrace"


def test_a_saved_trace_is_the_same_when_opened(trace, folder):
    found = store.open_trace(folder)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(found, name), getattr(trace, name))
    assert (found.name, found.n_pages, found.page_tokens, found.meta) == ("t", 2, 16, {"source": "hand"})
    assert found.content_hash == trace.content_hash
    assert not found.pages.flags.writeable


def test_an_older_store_is_replaced(trace, folder):
    store.save(Trace(name="u", pages=np.zeros(1, np.uint32), n_pages=1), folder)
    assert store.open_trace(folder).name == "u"
    assert not (folder / "arrival").exists()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_is_no_store_is_not_replaced(trace, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("x")
    with pytest.raises(TraceError, match="no trace store"):
        store.save(trace, tmp_path / "precious")
    assert [path.name for path in tmp_path.rglob("*")] == ["precious", "thesis.tex"]


def test_an_empty_column_is_kept(tmp_path):
    store.save(
        Trace(
            name="t",
            pages=np.empty(0, np.uint32),
            n_pages=0,
            page_offsets=np.zeros(2, np.int64),
            text_bytes=np.empty(0, np.uint8),
            text_offsets=np.zeros(2, np.int64),
        ),
        tmp_path / "t",
    )
    assert list(store.open_trace(tmp_path / "t").texts()) == [""]


def edit(**changes):
    def damage(folder):
        head = json.loads((folder / "trace.json").read_text())
        (folder / "trace.json").write_text(json.dumps(head | changes))

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "trace.json").unlink(),
        lambda folder: (folder / "trace.json").write_text("{"),
        lambda folder: (folder / "trace.json").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "trace.json").write_text("[]"),
        lambda folder: (folder / "trace.json").write_text("{}"),
        edit(format=99),
        edit(columns=[]),
        edit(columns={"pages": 3, "../t.kvtrace/pages": 3}),
        edit(columns={"page_offsets": 3}),
        edit(n_pages=1),
        edit(n_pages="many"),
        edit(n_pages=99999999999),
        edit(page_tokens=0),
        edit(content_hash=5),
        edit(meta={"notes": 5}),
        edit(name=None),
        lambda folder: (folder / "pages").unlink(),
        lambda folder: (folder / "pages").write_bytes(b"\0" * 11),
        lambda folder: (folder / "page_offsets").write_bytes(b"\0" * 16),
    ],
)
def test_a_damaged_store_is_refused_by_its_name(folder, damage):
    damage(folder)
    with pytest.raises(TraceError) as error:
        store.open_trace(folder)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)
    assert "delete" not in str(error.value)


def test_a_store_that_may_not_be_read_is_not_called_damaged(folder):
    (folder / "trace.json").unlink()
    (folder / "trace.json").mkdir()  # refused to everyone, where permissions do not stop root
    with pytest.raises(TraceError, match=r"t\.kvtrace: cannot be read \(Is a directory\)$"):
        store.open_trace(folder)
