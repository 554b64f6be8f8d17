"""Parameters declared by annotations: what is wrong with the declaration itself is told in one line."""

from __future__ import annotations

import pytest

from kvreplay.parameters import ParameterError, check, model


def unresolved(*, w: nope = 1) -> None:  # type: ignore[name-defined]  # noqa: F821
    pass


def unreadable(*, w: "1 +" = 1) -> None:  # type: ignore  # noqa: F722
    pass


@pytest.mark.parametrize("function", [unresolved, unreadable])
def test_an_annotation_that_does_not_resolve_names_the_function(function):
    with pytest.raises(ParameterError, match=rf"^{__name__}\.{function.__name__}: an annotation is no type \(.+\)"):
        model(function)
    with pytest.raises(ParameterError, match=function.__name__):
        check(function, "policy mine", {"w": 2})
