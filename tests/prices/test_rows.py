"""Rows that are alike: the compiled classes against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from gavelopt.engine.prices import rows as module
from gavelopt.engine.prices.rows import classes_of


def held(columns: list[np.ndarray], found: tuple[np.ndarray, np.ndarray] | None) -> None:
    """The classes are those of the rows compared value by value, and each is named by its first row."""
    assert found is not None
    first, member = found
    table = np.column_stack(columns) + 0.0
    _, label = np.unique(table, axis=0, return_inverse=True)
    assert len(first) == label.max() + 1
    assert (table[first][member] == table).all()
    assert (member[first] == np.arange(len(first))).all()


@pytest.mark.parametrize("jobs", [1, 2, 100, 9_000])
@pytest.mark.parametrize("kinds", [1, 7, 3_000])
def test_classes(jobs: int, kinds: int) -> None:
    random = np.random.default_rng(jobs + kinds)
    table = np.round(random.normal(size=(kinds, 5)), 2)[random.integers(kinds, size=jobs)]
    held([table, table[:, 0] * 2.0, np.ones(jobs)], classes_of([table, table[:, 0] * 2.0, np.ones(jobs)]))


def test_a_zero_has_no_sign_and_columns_have_places() -> None:
    first, member = classes_of([np.array([0.0, -0.0, 1.0, 2.0]), np.array([0.0, 0.0, 2.0, 1.0])])  # type: ignore[misc]
    assert member.tolist() == [0, 0, 1, 2]
    assert first.tolist() == [0, 2, 3]


def test_two_different_rows_with_one_key_are_still_different(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "add_keys", lambda bits, key, number: None)  # every row has the key 0
    random = np.random.default_rng(0)
    columns = [random.integers(3, size=(500, 2)).astype(float), random.integers(2, size=500).astype(float)]
    held(columns, classes_of(columns))


def test_rows_that_all_differ_are_not_sorted_out() -> None:
    random = np.random.default_rng(0)
    assert classes_of([random.random((6_000, 3))], most=0.9) is None
    assert classes_of([np.repeat(random.random((3_000, 3)), 2, axis=0)], most=0.9) is not None
