"""Files that are there whole or not at all, and what is said where they cannot be."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kvreplay.files import write_whole


def test_folders_are_made_and_files_replaced(tmp_path):
    path = tmp_path / "a/b/file.txt"
    write_whole(path, "ä")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_is_named(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_whole(path, "old")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space") as caught:
        write_whole(path, "new")
    assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_of_several_that_write_at_once_one_is_there_whole(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([number]) * 3_000_000 for number in range(1, 4)]
    write_whole(path, contents[0])

    def write(content):
        for _ in range(10):
            write_whole(path, content)
            assert path.read_bytes() in contents

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, contents))
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("precious")
    for inside in ("file/x", "file/deep/x"):
        with pytest.raises(OSError, match="in the way") as caught:
            write_whole(tmp_path / inside, "new")
        assert str(caught.value) == f"{tmp_path / 'file'}: is in the way; move it, or write elsewhere"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="in the way") as caught:
        write_whole(tmp_path / "folder", "new")
    assert str(caught.value) == f"{tmp_path / 'folder'}: is in the way; move it, or write elsewhere"
    assert (tmp_path / "file").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_link_is_followed_and_not_replaced(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    write_whole(link, "text")
    assert link.is_symlink()
    assert (tmp_path / "file").read_text() == "text"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "text")
    reader.join()
    assert read == ["text"]
    assert pipe.is_fifo()
