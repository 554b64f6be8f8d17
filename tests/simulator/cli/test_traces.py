"""`kvreplay traces`, as a user runs it: what is printed, what is written, and the exit code."""

from __future__ import annotations

import hashlib
import io
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvreplay.simulator.cli.main import main
from kvreplay.simulator.cli.traces import _Progress
from kvreplay.traces import catalogue, load

# Pages of 10 tokens: the second request repeats the first and is longer, the third shares its first page.
MOONCAKE = """\
{"timestamp": 0, "input_length": 20, "output_length": 1, "hash_ids": [1, 2]}
{"timestamp": 10000, "input_length": 25, "output_length": 2, "hash_ids": [1, 2, 3]}
{"timestamp": 40000, "input_length": 20, "output_length": 3, "hash_ids": [1, 4]}
"""
AZURE = """\
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.0000000,4808,10
2023-11-16 18:17:05.0000000,3180,8
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, cache and mirror."""
    monkeypatch.setenv("KVREPLAY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KVREPLAY_TRACE_DIR", str(tmp_path / "mirror"))
    (tmp_path / "mirror").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def small() -> str:
    Path("small.jsonl").write_text(MOONCAKE)
    return "small.jsonl"


def catalogued(monkeypatch: pytest.MonkeyPatch, folder: Path, sha256: str | None) -> None:
    """Make MOONCAKE the catalogue's only trace, `small`, and put it into the mirror."""
    fields = {"title": "Small", "home": "https://example.org", "file": "small.jsonl", "notes": ""}
    entry = catalogue.Entry(name="small", licence="CC0", citation="Nobody, 2026", sha256=sha256, **fields)
    monkeypatch.setattr(catalogue, "_entries", lambda: {"small": entry})
    (folder / "mirror" / "small.jsonl").write_text(MOONCAKE)


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command which must fail prints."""
    assert main(["traces", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("kvreplay: ")
    assert printed.err.count("\n") == 1
    return printed.err


def test_list_names_every_trace_and_marks_those_at_hand(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "mirror" / "mooncake_conversation.jsonl").write_text("")
    assert main(["traces", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()[1:]}
    assert {entry.name for entry in catalogue.entries()} <= lines.keys()
    assert lines["mooncake-conversation"].split()[1] == "yes"
    assert lines["mooncake-toolagent"].split()[1] != "yes"


def test_list_json_has_every_detail(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["traces", "list", "--json"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["name"] for entry in entries] == [entry.name for entry in catalogue.entries()]
    assert all(entry["citation"] and entry["present"] is False for entry in entries)


def test_list_does_without_a_mirror_that_cannot_be_read(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setenv("KVREPLAY_TRACE_DIR", "x" * 5000)  # refused to everyone, where permissions do not stop root
    assert main(["traces", "list"]) == 0
    assert "mooncake-conversation" in capsys.readouterr().out


def test_fetch_verifies_a_mirror(capsys: pytest.CaptureFixture[str], monkeypatch, folder: Path) -> None:
    catalogued(monkeypatch, folder, hashlib.sha256(MOONCAKE.encode()).hexdigest())
    assert main(["traces", "fetch", "small"]) == 0
    printed = capsys.readouterr().out
    assert f"small: {folder}/mirror/small.jsonl\n  SHA-256 verified\n" in printed
    assert "licence CC0; cite Nobody, 2026" in printed


def test_fetch_admits_what_it_could_not_verify(capsys: pytest.CaptureFixture[str], monkeypatch, folder: Path) -> None:
    catalogued(monkeypatch, folder, None)
    assert main(["traces", "fetch", "small"]) == 0
    found = hashlib.sha256(MOONCAKE.encode()).hexdigest()
    assert f"SHA-256 NOT verified, the catalogue has no sum for it: {found}" in capsys.readouterr().out


def test_fetch_refuses_a_wrong_mirror(capsys: pytest.CaptureFixture[str], monkeypatch, folder: Path) -> None:
    catalogued(monkeypatch, folder, "0" * 64)
    assert f"not {'0' * 64} as published" in failure(capsys, "fetch", "small")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "small\n", ".."])
def test_fetch_takes_names_and_no_paths(capsys: pytest.CaptureFixture[str], monkeypatch, folder, name: str) -> None:
    catalogued(monkeypatch, folder, None)
    # The good name comes first: nothing is fetched where another one is wrong.
    assert f"the catalogue has no trace {name!r}" in failure(capsys, "fetch", "small", name)


def test_progress_is_a_line_now_and_then_for_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    progress = _Progress("small")
    for received in range(0, 2_000_001, 100_000):
        progress(received, 2_000_000)
    assert stderr.getvalue().startswith("small: 2.0 MB of 2.0 MB (100%), ")
    assert stderr.getvalue().count("\n") == 1


def test_progress_rewrites_its_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    ticks = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    progress = _Progress("small")
    progress(500_000, 2_000_000)
    progress(2_000_000, 2_000_000)
    assert stderr.getvalue() == (
        "\rsmall: 0.5 MB of 2.0 MB (25%), 0.5 MB/s\x1b[K\rsmall: 2.0 MB of 2.0 MB (100%), 1.0 MB/s\x1b[K\n"
    )


def test_info_tells_what_the_hand_worked_trace_holds(capsys: pytest.CaptureFixture[str], small: str) -> None:
    assert main(["traces", "info", small, "--option", "page_tokens=10", "--bytes-per-token", "1024"]) == 0
    printed = {line[:19].rstrip(" :"): line[19:] for line in capsys.readouterr().out.splitlines()}
    assert printed["requests"] == "3"
    assert printed["duration"] == "40.0 seconds"
    assert printed["page accesses"] == "7"
    assert printed["footprint"] == "4 pages, 40 tokens, 40 KiB"
    assert printed["prefixes"].startswith("form a tree")
    assert printed["one-hit wonders"].startswith("50.0%")
    assert printed["depth of pages"].startswith("mean 2, median 2")
    assert (
        printed["branches"]
        == "2 behind the 1 that every request starts with; the largest have 66.7%, 33.3% of the requests"
    )
    assert printed["working set"] == "2.33 in 1, 2.33 in 10 seconds: mean distinct pages in a sliding window"
    assert printed["popularity decay"].startswith("half of the repeated accesses within 16 seconds of the page's first")
    assert printed["unlimited cache"] == (
        "page hit ratio 0.429, prefix hit ratio 0.429, token hit ratio 0.462, request-mean hit ratio 0.389"
    )


def test_info_json_is_one_object(capsys: pytest.CaptureFixture[str], small: str) -> None:
    assert main(["traces", "info", small, "--option", "page_tokens=10", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["requests"], printed["page_accesses"], printed["distinct_pages"]) == (3, 7, 4)
    assert printed["unlimited_cache"]["token_hit_ratio"] == 30 / 65
    assert printed["trace"]["content_hash"] == load(small, page_tokens=10).content_hash


def test_info_of_lengths_says_what_cannot_be_known(capsys: pytest.CaptureFixture[str]) -> None:
    Path("azure.csv").write_text(AZURE)
    assert main(["traces", "info", "azure.csv", "--plot", "azure.svg"]) == 0
    printed = capsys.readouterr().out
    assert "What its requests share cannot be known" in printed
    assert "hit ratio 0" not in printed
    picture = Path("azure.svg").read_text()
    assert "Prompt and output lengths" in picture
    assert "Unlimited cache" not in picture


def test_info_generates(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["traces", "info", "generate:loop:requests=100:keys=10", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["requests"], printed["distinct_pages"]) == (100, 10)
    assert printed["reuse"]["distance"]["min"] == printed["reuse"]["distance"]["max"] == 9


def test_pictures_show_every_panel_and_are_the_same_each_time(small: str) -> None:
    for name in ("new/first.svg", "new/second.svg", "new/first.png"):
        assert main(["traces", "info", small, "--plot", name]) == 0
    picture = Path("new/first.svg").read_text()
    titles = ["Arrivals", "lengths", "Popularity (", "Reuse distance", "Reuse time", "Unlimited cache"]
    for title in (*titles, "Working set", "Popularity decay", "Prefix tree", "Largest of 2 branches"):
        assert title in picture
    assert "mathdefault" not in picture
    assert picture == Path("new/second.svg").read_text()
    assert Path("new/first.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(Path("new").iterdir())) == 3


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".kvtrace"])
def test_convert_keeps_every_column(small: str, suffix: str) -> None:
    destination = f"new/copy{suffix}"
    assert main(["traces", "convert", small, destination, "--option", "page_tokens=10"]) == 0
    assert load(destination).content_hash == load(small, page_tokens=10).content_hash
    assert len(list(Path("new").iterdir())) == 1


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Refuses what goes into a file beyond 64 KiB, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".kvtrace"])
def test_convert_onto_a_full_disk_names_the_file(capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    message = failure(capsys, "convert", "generate:zipf:requests=200000", f"big{suffix}")
    assert message.startswith(f"kvreplay: big{suffix}: cannot be written (")
    assert not list(Path().iterdir())


@pytest.mark.usefixtures("full_disk")
def test_reading_onto_a_full_disk_says_so(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    Path("big.txt").write_text("a\n" * 30_000)  # 60 kB; its page column takes 4 bytes a line
    message = failure(capsys, "info", "big.txt")
    assert "cannot be written (" in message
    assert "set KVREPLAY_CACHE_DIR" in message
    assert [path.name for path in (folder / "cache").iterdir()] == [".gitignore"]


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "many"])
def test_sizes_are_positive(capsys: pytest.CaptureFixture[str], number: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["traces", "info", "generate:loop", f"--bytes-per-token={number}"])
    assert stopped.value.code == 2
    assert f"--bytes-per-token: {number!r} is no whole number above 0" in capsys.readouterr().err


def test_pictures_are_png_or_svg(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["traces", "info", "generate:loop", "--plot", "small.gif"])
    assert stopped.value.code == 2
    assert "--plot: small.gif: unknown kind of picture; use .png or .svg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "missing.jsonl"], "missing.jsonl: no such file"),
        (["info", "mooncake-conversation"], "run `kvreplay traces fetch mooncake-conversation`"),
        (["info", "small.jsonl", "--option", "page_tokens"], "'page_tokens' is not KEY=VALUE"),
        (["info", "small.jsonl", "--option", "page_tokens=[1"], "'[1' is not a value"),
        (["info", "small.jsonl", "--option", "page_token=16"], "did you mean 'page_tokens'?"),
        (["info", "small.jsonl", "--format", "moncake"], "did you mean 'mooncake'?"),
        (["info", "small.jsonl", "--option", "format=keys"], "name them as SOURCE and --format NAME"),
        (["info", "small.jsonl", "--option", "source=x"], "name them as SOURCE and --format NAME"),
        (["info", "generate:zipf:name=x"], "unknown parameter 'name'"),
        (["info", "generate:zipff"], "did you mean 'zipf'?"),
        (["info", "generate:zipf:skw=1"], "did you mean 'skew'?"),
        (["info", "generate:zipf", "--format", "keys"], "a generated workload takes no --format or --option"),
        (["convert", "small.jsonl", "small.pickle"], "small.pickle: unknown kind of file; use one of .parquet"),
    ],
)
def test_mistakes_are_one_line(capsys, small: str, arguments: list[str], message: str) -> None:
    assert message in failure(capsys, *arguments)
    assert sorted(path.name for path in Path().iterdir()) == ["small.jsonl"]
