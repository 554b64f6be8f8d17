"""What any test may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import browser


@pytest.fixture(scope="session")
def tab() -> Iterator[browser.Browser]:
    """A tab of a headless chromium; tests that need it are skipped where there is none."""
    if browser.CHROMIUM is None:
        pytest.skip("needs chromium on the PATH")
    with browser.open_browser() as opened:
        yield opened
