"""The notebooks that people open say what their py:percent sources say. That they run is tested by nbmake."""

from __future__ import annotations

from pathlib import Path

import jupytext
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_and_source_agree(notebook):
    opened, source = (jupytext.read(path) for path in (notebook, notebook.with_suffix(".py")))
    cells = [[(cell.cell_type, cell.source) for cell in nb.cells] for nb in (opened, source)]
    assert cells[0] == cells[1], "run: jupytext --to ipynb --set-kernel python3 --execute notebooks/*.py"


def test_there_is_a_source_for_every_notebook_and_the_reverse():
    assert [path.stem for path in NOTEBOOKS] == sorted(p.stem for p in (NOTEBOOKS[0].parent).glob("*.py"))
