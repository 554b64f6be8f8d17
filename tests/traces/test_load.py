"""load(): finding the file, telling its format, and keeping what was read."""

import multiprocessing
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from kvreplay.traces import Trace, TraceError, catalogue, formats, load, loading, store, synthesis
from kvreplay.traces.formats import keys
from kvreplay.traces.formats.source import Source

from .test_formats_csv import AZURE_2023


@pytest.fixture(autouse=True)
def _no_cache_elsewhere(monkeypatch, tmp_path):
    monkeypatch.delenv("KVREPLAY_CACHE_DIR", raising=False)
    monkeypatch.delenv("KVREPLAY_TRACE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "k.txt").write_text("a\nb\na\n")
    return folder / "k.txt"


@pytest.fixture
def reads(monkeypatch):
    """Counts the times a file is read."""
    counted = []
    original = keys.read

    def read(source, add):
        counted.append(source.path)
        return original(source, add)

    monkeypatch.setattr(keys, "read", read)
    return counted


def stores(folder):
    return sorted(path.name for path in folder.glob("*.kvtrace"))


def test_a_file_is_read_once_and_mapped_from_then_on(path, reads):
    first, second = load(path), load(str(path))
    assert len(reads) == 1
    assert first.content_hash == second.content_hash
    assert isinstance(second.pages.base, np.memmap)
    assert len(stores(path.parent / ".kvreplay")) == 1
    assert (path.parent / ".kvreplay" / ".gitignore").read_text() == "*\n"


def test_another_content_name_format_option_or_version_is_read_anew(path, reads, monkeypatch):
    load(path)
    path.write_text("a\nb\nc\n")
    assert load(path).n_pages == 3
    other = path.rename(path.with_name("other.txt"))
    assert load(other).name == "other"
    monkeypatch.setattr(keys, "VERSION", keys.VERSION + 1)
    load(other)
    assert len(reads) == 4
    load(other, "columns", key=1)
    load(other, "columns", key="a")
    assert len(stores(path.parent / ".kvreplay")) == 6


def test_a_file_changed_within_a_clock_tick_is_noticed(path):
    load(path)
    before = path.stat()
    path.write_text("a\nb\nc\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load(path).n_pages == 3


def test_the_cache_is_elsewhere_where_the_folder_is_not_to_be_written(path, tmp_path, monkeypatch):
    path.parent.chmod(0o555)
    load(path)
    assert len(stores(tmp_path / "home" / "kvreplay" / "traces")) == 1
    monkeypatch.setenv("KVREPLAY_CACHE_DIR", str(tmp_path / "given"))
    load(path)
    path.parent.chmod(0o755)
    load(path)
    assert len(stores(tmp_path / "given")) == 1
    assert [file.name for file in path.parent.iterdir()] == ["k.txt"]


@pytest.mark.parametrize("target", ["gone.txt", "link.txt"])
def test_a_broken_link_is_called_one(path, target):
    link = path.with_name("link.txt")
    link.symlink_to(target)
    with pytest.raises(TraceError, match=r"link\.txt: is a broken link"):
        load(link)


def test_a_damaged_store_in_the_cache_is_read_again(path, reads):
    good = load(path).content_hash
    (stored,) = (path.parent / ".kvreplay").glob("*.kvtrace")
    (stored / "pages").write_bytes(b"damaged")
    assert load(path).content_hash == load(path).content_hash == good
    assert len(reads) == 2
    assert sorted(file.name for file in stored.parent.iterdir()) == [".gitignore", stored.name]


def test_what_a_killed_reading_left_is_swept_after_a_day(path):
    load(path)
    names = (".partial-old", ".partial-running", ".partial-new")
    old, running, new = (path.parent / ".kvreplay" / name for name in names)
    yesterday = time.time() - 25 * 3600
    for folder in (old, running, new):
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / "pages").write_bytes(b"1234")
    os.utime(old / "inner" / "pages", (yesterday, yesterday))
    for folder in (old, running):
        os.utime(folder / "inner", (yesterday, yesterday))
        os.utime(folder, (yesterday, yesterday))
    load(path)
    assert [folder.exists() for folder in (old, running, new)] == [False, True, True]


@pytest.mark.parametrize("cache", ["k.txt/below-a-file", "long" * 100])
def test_a_cache_that_cannot_be_made_says_what_to_set(path, monkeypatch, cache):
    monkeypatch.setenv("KVREPLAY_CACHE_DIR", str(path.parent / cache))
    with pytest.raises(TraceError, match=rf"{cache}: the cache cannot be written \(.+\); set KVREPLAY_CACHE_DIR to"):
        load(path)


def test_a_failed_reading_leaves_nothing_behind(path):
    path.write_text("a\n" * 100_000 + "\n")
    with pytest.raises(TraceError, match=r"k.txt:100001: holds no key"):
        load(path)
    assert [file.name for file in (path.parent / ".kvreplay").iterdir()] == [".gitignore"]


def _load_and_report(path, barrier, results):
    barrier.wait()
    results.put(load(path).content_hash)


def test_processes_that_read_one_file_at_once_agree(path):
    path.write_text("".join(f"{i % 1000}\n" for i in range(200_000)))
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_load_and_report, args=(path, barrier, results)) for _ in range(3)]
    for process in processes:
        process.start()
    hashes = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert hashes == {load(path).content_hash}
    assert len(stores(path.parent / ".kvreplay")) == 1
    assert not list((path.parent / ".kvreplay").glob(".partial*"))


def test_a_store_that_another_process_made_meanwhile_is_kept(path, monkeypatch):
    publish = loading._publish

    def late(whole, stored):
        store.save(Trace(name="theirs", pages=np.zeros(1, np.uint32), n_pages=1), stored)
        publish(whole, stored)

    monkeypatch.setattr(loading, "_publish", late)
    assert load(path).n_requests == 3
    assert load(path).name == "theirs"


def test_a_store_folder_is_opened_as_it_is(path, tmp_path):
    store.save(load(path), tmp_path / "s.kvtrace")
    assert load(tmp_path / "s.kvtrace").content_hash == load(path).content_hash
    with pytest.raises(TraceError, match="a store is read as it is; give neither format nor options"):
        load(tmp_path / "s.kvtrace", page_tokens=4)
    with pytest.raises(TraceError, match="is a folder, not a trace; name a file"):
        load(tmp_path)


def test_a_catalogue_name_stands_for_its_file(tmp_path, monkeypatch):
    entry = catalogue.find("azure-2023-code")
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / entry.file).write_text(AZURE_2023)
    monkeypatch.setenv("KVREPLAY_TRACE_DIR", str(tmp_path / "mirror"))
    trace = load("azure-2023-code")
    assert (trace.name, trace.n_requests) == ("azure-2023-code", 2)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere/k.txt", "nowhere/k.txt: no such file; check the path"),
        ("k.jsonl.gz", "k.jsonl.gz: no such file"),
        ("mooncake-conversatio", "did you mean 'mooncake-conversation'"),
        ("/dev/null", "/dev/null: is no regular file"),
        ("", "the trace has an empty name; name a file"),
        (".", ".: is a folder, not a trace; name a file"),
    ],
)
def test_what_cannot_be_found_is_named(source, message):
    with pytest.raises(TraceError) as error:
        load(source)
    assert message in str(error.value)


def test_unknown_formats_are_named(path):
    with pytest.raises(TraceError, match="unknown trace format 'key'; did you mean 'keys'"):
        load(path, "key")
    path.write_bytes(b"\0\1\2")
    with pytest.raises(TraceError, match=r"k.txt: is in no known format; name its format, of table, "):
        load(path)


def test_every_format_has_what_it_takes():
    for name in formats.names():
        module = formats.find(name)
        assert module.VERSION >= 1
        assert not module.sniff(b"", "x")
        assert module.__doc__


def test_lengths_with_unique_pages(path):
    path.write_text(AZURE_2023)
    trace = load(path, synthesis="unique:page_tokens=100")
    assert trace.offsets.tolist() == [0, 49, 81]  # 4808 and 3180 tokens
    assert trace.pages.tolist() == list(range(81))
    assert trace.page_tokens == 100
    assert trace.meta["synthesis"] == {"name": "unique", "page_tokens": 100}
    assert trace.meta["notes"] == ["the pages are made up by unique: what is shared is an assumption"]


def drawn(**params):
    """Page keys of 20,000 requests of 10 pages, (20000, 10)."""
    made, _ = synthesis.parse("zipf-prefix:" + ":".join(f"{key}={value}" for key, value in params.items()))
    return made.keys(np.full(20_000, 10)).reshape(-1, 10)


def test_zipf_prefixes_are_shared_as_often_as_zipf_says():
    keys = drawn(prefixes=4, alpha=1, share=0.39)
    shared, own = keys[:, :3], keys[:, 3:]
    assert len(np.unique(own)) == own.size
    assert len(np.unique(shared)) == 4 * 3
    assert not np.isin(own, shared).any()
    # Each prefix is a chain: its first page tells the others.
    assert len(np.unique(shared, axis=0)) == 4
    often = np.sort(np.unique(shared[:, 0], return_counts=True)[1])[::-1] / 20_000
    zipf = np.array([1, 1 / 2, 1 / 3, 1 / 4]) / (25 / 12)
    assert often == pytest.approx(zipf, abs=4 * np.sqrt(0.25 / 20_000))


def test_a_synthesis_depends_on_its_seed_but_not_on_the_batches():
    whole = drawn(seed=1)
    made, _ = synthesis.parse("zipf-prefix:seed=1")
    parts = [made.keys(np.full(n, 10)).reshape(-1, 10) for n in (1, 7_000, 0, 12_999)]
    assert (np.concatenate(parts) == whole).all()
    assert (drawn(seed=2) != whole).any()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("uniq", "unknown synthesis 'uniq'; did you mean 'unique'"),
        ("unique:16", "synthesis 'unique:16' is malformed; write name:key=value:key=value"),
        ("zipf-prefix:share=2", "parameter 'share' is '2'"),
        ("zipf-prefix:prefix=2", "unknown parameter 'prefix', did you mean 'prefixes'"),
    ],
)
def test_a_wrong_synthesis_is_explained(path, spec, message):
    path.write_text(AZURE_2023)
    with pytest.raises(ValueError, match=message):
        load(path, synthesis=spec)


def test_pages_that_are_there_are_not_made_up(path):
    with pytest.raises(TraceError, match=r"k.txt: has pages of its own; leave out the synthesis"):
        load(path, synthesis="unique")


def test_the_package_is_imported_without_its_heavy_parts():
    code = "import sys, kvreplay.traces as t; t.__all__; sys.exit('numba' in sys.modules or 'polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_sniffing_reads_only_the_head(path, monkeypatch):
    monkeypatch.setattr("kvreplay.traces.formats.source.HEAD", 2)
    assert Source(path).head() == b"a\n"
