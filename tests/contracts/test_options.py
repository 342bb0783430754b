"""Every option of every registered method is refused where its value is none, before the method runs."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from gavelopt.engine.registry import lookup, methods_of

OPTIONS = [
    (row["name"], method, name)
    for row in go.policies()
    if row["alias_of"] is None
    for method in row["methods"]
    for name, option in methods_of(lookup(row["name"]))[method].options.items()  # type: ignore[arg-type]
    if option is not go.options.OBJECT
]


@pytest.mark.parametrize(("policy", "method", "name"), OPTIONS)
def test_an_option_refuses_what_it_cannot_be(policy: str, method: str, name: str) -> None:
    option = methods_of(lookup(policy))[method].options[name]  # type: ignore[arg-type]
    for value in ("nonsense", float("nan"), -7, [], {}, object()):
        with pytest.raises(go.InputError) as refused:
            option.check(name, value, method)
        assert name in str(refused.value)
        assert method in str(refused.value)


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        (go.options.flag(), [True, False, np.True_], [1, 0, "yes", None]),
        (go.options.flag(optional=True), [None, True], [0, "None"]),
        (go.options.whole(), [1, np.int64(3)], [0, True, 2.0, "2", None]),
        (go.options.whole(0), [0], [-1]),
        (go.options.number(), [0, 2.5, np.float32(1.0)], [-0.1, float("inf"), float("nan"), 10**400, True, "1"]),
        (go.options.number(1.0, above=True), [1.5], [1.0]),
        (go.options.one_of(["paper", "repository"]), ["paper"], ["papers", None, 3]),
        (go.options.CORES, [-1, 2, np.int64(1)], [0, -2, 1.5]),
    ],
)
def test_what_an_option_allows(option: object, good: list[object], bad: list[object]) -> None:
    assert isinstance(option, type(go.options.flag()))
    for value in good:
        option.check("name", value, "method")
    for value in bad:
        with pytest.raises(go.InputError):
            option.check("name", value, "method")


def test_a_name_that_is_nearly_right_gets_a_hint() -> None:
    with pytest.raises(go.InputError, match="did you mean 'paper'"):
        go.options.one_of(["paper", "repository"]).check("batch_rule", "papr", "greedy")
