"""Arguments that nobody can mean are bad input, not a traceback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gavelopt as go

TINY = go.Instance.from_arrays([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
MAX_MIN = go.solve(TINY, "max_min").policy
NAMED = go.Instance.from_arrays([[1.0, 2.0]], [1.0, 1.0], accelerators=["throughput", "share"])

MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: go.solve(TINY, "max_min", seed=-1), "seed out of range"),
    (lambda: go.solve(TINY, "max_min", seed=1.5), "seed out of range"),  # type: ignore[arg-type]
    (lambda: go.solve(TINY, "max_min", method="pop", seed="x"), "seed out of range"),  # type: ignore[arg-type]
    (lambda: go.solve(TINY, "power_mean", p=True), "'p' of policy"),
    (lambda: go.solve(TINY, "power_mean", p=-1e300), "'p' of policy"),
    (lambda: go.audit(TINY, np.zeros((2, 2))), "needs an Allocation"),
    (lambda: go.Instance.from_arrays([[1.0]], [1.0], weigth=[1.0]), "did you mean 'weight'"),
    (lambda: go.Instance.from_arrays([[1.0]], [1.0], scale=[1e30]), "scale_factor must be whole"),
    (lambda: TINY.take([7]), "rows out of range"),
    (lambda: go.Session(TINY, "max_min").update("j0", weight="x"), "weight must be a number"),
    (lambda: go.Session(TINY, "max_min").update("j0", rates=5), "rates must be a mapping"),
    (lambda: go.Session(TINY, "max_min").update("j0", rates={"a0": "fast"}), "a0 must be a number"),
    (lambda: go.read(None), "read needs a file name"),  # type: ignore[arg-type]
    (lambda: go.solve(NAMED, "max_min").to_frame(), "name of a column"),
    (lambda: go.solve(TINY, "max_min", threads=2), "option of 'fast'"),
    (lambda: go.solve(TINY, "max_min", method="fast", threads=-1), "'threads' of method 'fast' out of range"),
    (lambda: go.solve(TINY, "max_min", method="exact", solver="higs-ipm"), "did you mean 'highs-ipm'"),
    (lambda: go.solve(TINY, MAX_MIN, space_sharing=True), r"MaxMin\(space_sharing=True\)"),
    (lambda: go.solve(TINY, "max_min", space_sharing="yes"), "'space_sharing' of policy 'max_min' out of range"),
    (lambda: go.solve(TINY, "sjf", space_sharing=True), "'sjf' has no space sharing"),
    (lambda: go.diagnose(TINY, "sjf", space_sharing=True), "'sjf' has no space sharing"),
    (lambda: go.solve(TINY, "makespan", reference_accelerator="a0"), "nothing reads it"),
]


@pytest.mark.parametrize(("call", "words"), MISTAKES, ids=[words for _, words in MISTAKES])
def test_bad_arguments(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(go.InputError, match=words):
        call()


def test_numbers_far_apart_have_answers() -> None:
    """Jobs of 1 s and of 10^6 s and rates ten orders apart; floors far below what the other job takes."""
    apart = go.Instance.from_arrays([[1.0, 0.0], [1e10, 0.0]], [1.0, 1.0], steps=[1e6, 1.0])
    assert go.solve(apart, "makespan").value == pytest.approx(1e6, rel=1e-9)
    floor = go.Instance.from_arrays(
        [[46.0], [10000.0]], [4.0], scale=[1, 4], steps=[1.5, 7e6], deadline_s=[1e8, 5000.0]
    )
    solution = go.solve(floor, "max_sum", slo="require")
    assert solution.status == "optimal", solution.message
    assert solution.value == pytest.approx(1e4, rel=1e-8)


@pytest.mark.parametrize("p", [0.99, 1e-5, 1e-12, -1e-12, -1e-5, -100.0])
def test_power_means_at_the_edges_are_certified(p: float) -> None:
    instance = go.Instance.from_arrays([[3.0]] * 3, [2.5], scale=[2, 2, 1], weight=[5.0, 5.0, 1.0])
    solution = go.solve(instance, "power_mean", p=p)
    assert solution.status == "optimal", solution
    assert 0.8333 <= solution.value <= 1.1364
