"""The catalogue: its own sanity, and where files are looked for. Downloads are tested in test_download."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from kvreplay.traces import catalogue
from kvreplay.traces.catalogue import Entry
from kvreplay.traces.errors import TraceError

CONTENT = b"a public trace\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def entry(**fields: object) -> Entry:
    known = {
        "name": "small",
        "title": "A small trace",
        "home": "https://example.org",
        "file": "small.txt",
        "licence": "CC0",
        "citation": "Nobody",
        "notes": "",
        "url": "https://example.org/small.txt",
        "sha256": SHA256,
    }
    return Entry(**(known | fields))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KVREPLAY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("KVREPLAY_TRACE_DIR", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("KVREPLAY_TRACE_DIR", str(folder))
    return folder


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch):
    """Makes one entry the whole catalogue, and any download a failure."""

    def install(**fields: object) -> None:
        monkeypatch.setattr(catalogue, "_entries", lambda: {"small": entry(**fields)})

    monkeypatch.setattr(catalogue, "download", lambda *args, **kwargs: pytest.fail("asked the network"))
    install()
    return install


def test_every_entry_is_complete() -> None:
    for entry in catalogue.entries():
        assert Path(entry.file).name == entry.file, entry.name
        assert entry.title, entry.name
        assert entry.licence, entry.name
        assert entry.citation, entry.name
        assert entry.home.startswith("https://"), entry.name
        assert entry.url is None or entry.url.startswith("https://"), entry.name
        assert entry.sha256 is None or len(bytes.fromhex(entry.sha256)) == 32, entry.name


def test_no_two_entries_share_a_file() -> None:
    files = [entry.file for entry in catalogue.entries()]
    assert len(set(files)) == len(files)


def test_the_generated_file_that_passes_for_burstgpt_is_warned_of() -> None:
    assert "250 rows" in catalogue.find("burstgpt-1").notes


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mooncake-conversatoin", "did you mean 'mooncake-conversation'?"),
        ("../../etc/passwd", "known: azure-2023-code,"),
        ("", "known: azure-2023-code,"),
    ],
)
def test_an_unknown_name_is_one_line_with_a_hint(name: str, hint: str) -> None:
    for function in (catalogue.find, catalogue.locate, catalogue.fetch):
        with pytest.raises(TraceError) as error:
            function(name)
        assert f"the catalogue has no trace {name!r}, {hint}" in str(error.value)
        assert "\n" not in str(error.value)


def test_a_trace_that_is_nowhere_says_how_to_get_it(only) -> None:
    with pytest.raises(TraceError, match=r"not on this machine; run `kvreplay traces fetch small`"):
        catalogue.locate("small")


def test_a_mirror_serves_where_it_lies(only, mirror: Path, cache: Path) -> None:
    (mirror / "small.txt").write_bytes(CONTENT)
    assert catalogue.locate("small") == catalogue.fetch("small") == mirror / "small.txt"
    assert not cache.exists()


def test_a_mirror_may_compress(only, mirror: Path) -> None:
    (mirror / "small.txt.gz").write_bytes(gzip.compress(CONTENT))
    assert catalogue.locate("small") == catalogue.fetch("small") == mirror / "small.txt.gz"


@pytest.mark.parametrize("name", ["small.txt", "small.txt.gz"])
def test_a_mirror_that_is_wrong_is_named(only, mirror: Path, name: str) -> None:
    wrong = gzip.compress(b"other") if name.endswith(".gz") else b"other"
    (mirror / name).write_bytes(wrong)
    with pytest.raises(TraceError, match=f"{name}: SHA-256 is {hashlib.sha256(b'other').hexdigest()}, not {SHA256}"):
        catalogue.fetch("small")
    assert (mirror / name).read_bytes() == wrong


def test_a_fetched_file_is_found_again(only, cache: Path) -> None:
    cache.mkdir()
    (cache / "small.txt").write_bytes(CONTENT)
    assert catalogue.locate("small") == catalogue.fetch("small") == cache / "small.txt"


def test_what_is_nowhere_is_downloaded(only, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(bytes=15)
    asked = []
    monkeypatch.setattr(catalogue, "download", lambda *args, **kwargs: asked.append((args, kwargs)))
    assert catalogue.fetch("small") == cache / "small.txt"
    expected = {"sha256": SHA256, "size": 15, "progress": None}
    assert asked == [(("https://example.org/small.txt", cache / "small.txt"), expected)]


def test_a_trace_without_a_public_file_says_where_to_look(only) -> None:
    only(url=None)
    with pytest.raises(
        TraceError, match=r"no public file to fetch; see https://example.org, or set KVREPLAY_TRACE_DIR"
    ):
        catalogue.fetch("small")


def test_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KVREPLAY_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert catalogue.cache_dir() == tmp_path / "kvreplay" / "traces"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert catalogue.cache_dir() == tmp_path / ".cache" / "kvreplay" / "traces"
