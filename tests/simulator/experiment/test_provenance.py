"""Provenance: what is recorded, and that it holds no credentials."""

from __future__ import annotations

import platform
import subprocess

import pytest

from kvreplay.simulator.experiment import provenance


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://user:secret@host.example/a/b.git", "https://host.example/a/b.git"),
        ("https://token@host.example:8443/a", "https://host.example:8443/a"),
        ("https://host.example/a?access_token=secret#x", "https://host.example/a"),
        ("https://a:p@ss@host.example/a", "https://host.example/a"),
        ("ssh://git@host.example/a.git", "ssh://host.example/a.git"),
        ("git@host.example:a/b.git", "git@host.example:a/b.git"),
        ("/srv/a.git", "/srv/a.git"),
    ],
)
def test_urls_lose_their_credentials(url, clean):
    assert provenance.without_credentials(url) == clean


def test_the_commit_is_that_of_the_checkout_that_tracks_the_code(tmp_path, monkeypatch):
    def git(*arguments):
        done = subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@t.example", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    code = tmp_path / "package/__init__.py"
    code.parent.mkdir()
    code.write_text("")
    monkeypatch.setattr("kvreplay.__file__", str(code))
    assert provenance.collect().commit is None  # no checkout at all
    git("init")
    (tmp_path / "other").write_text("")
    git("add", "other")
    git("commit", "-m", "first")
    found = provenance.collect()
    assert (found.commit, found.dirty, found.origin) == (None, None, None)  # a checkout of something else
    git("add", "package")
    git("commit", "-m", "second")
    git("remote", "add", "origin", "https://user:secret@host.example/a.git")
    found = provenance.collect()
    assert (found.commit, found.dirty) == (git("rev-parse", "HEAD"), False)
    assert found.origin == "https://host.example/a.git"
    code.write_text("changed = True")
    assert provenance.collect().dirty is True


def test_versions_are_those_of_this_process():
    import numba
    import numpy

    found = provenance.collect()
    assert (found.python, found.numpy, found.numba) == (platform.python_version(), numpy.__version__, numba.__version__)
    assert found.cpu
    assert found.cores >= 1
