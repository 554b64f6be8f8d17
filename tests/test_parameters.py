"""Parameters declared by annotations: what is wrong with a declaration or a value is told in one line."""

from __future__ import annotations

import math

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


def either(*, at: float | str = 0.5, many: list[float] = [1.0]) -> None:  # noqa: B006
    pass


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"at": math.nan}, "parameter 'at' is nan: input should be a finite number or a valid string"),
        ({"at": []}, "parameter 'at' is []: input should be a valid number or a valid string"),
        (
            {"many": ["a", math.inf]},
            "parameter 'many.0' is 'a': input should be a valid number, unable to parse string as a number; "
            "parameter 'many.1' is inf: input should be a finite number",
        ),
    ],
)
def test_a_value_that_suits_no_type_is_told_once(params, message):
    with pytest.raises(ParameterError) as error:
        check(either, "mine", params)
    assert str(error.value) == f"mine: {message}"
