"""A wheel holds everything that runs, and runs where the repository is not."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, as building leaves files behind, which the next wheel would hold.
    left_out = shutil.ignore_patterns(".*", "build", "results", "tests", "notebooks", "__pycache__", "*.egg-info")
    source = shutil.copytree(ROOT, folder / "source", ignore=left_out)
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source)
    return next(folder.glob("*.whl"))


def test_a_wheel_holds_every_module_and_its_data(wheel):
    folders = {"kvreplay": "kvreplay", **{name: f"kvreplay/{name}" for name in ("policies", "simulator", "traces")}}
    expected = {
        f"{name}/{path.relative_to(ROOT / folder)}"
        for folder, name in folders.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert expected - held == set()
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_an_installed_wheel_replays(wheel, tmp_path):
    _run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel)
    # What kvreplay depends on is taken from here: a line in a .pth file is a folder, whose own .pth files do not count,
    # so that our editable installation is not seen.
    packages = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    (packages / "borrowed.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))
    where = _run(python, "-c", "import kvreplay.policies; print(kvreplay.policies.__file__)", cwd=tmp_path)
    assert where.startswith(str(packages))
    trace = "generate:repetitive:requests=50"
    printed = _run(
        *(tmp_path / "venv/bin/kvreplay", "replay", trace, "--policy", "lru", "--capacity", "50%", "--json"),
        cwd=tmp_path,
    )
    assert '"policy": "lru"' in printed
    assert "llama-3.1-8b" in _run(tmp_path / "venv/bin/kvreplay", "simulate", "--help", cwd=tmp_path)


def _run(*command, cwd=ROOT):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout
