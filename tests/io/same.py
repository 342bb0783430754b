"""Whether two instances say the same, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np

import gavelopt as go


def assert_same(one: go.Instance, other: go.Instance, *, pairs: bool = True) -> None:
    """Every field of both is equal: bitwise for numbers, NaN equal to NaN."""
    assert (one.name, one.notes, one.entities) == (other.name, other.notes, other.entities)
    assert list(one.cluster.accelerators) == list(other.cluster.accelerators)
    for column in ("count", "cost_per_hour", "memory_gib", "per_node"):
        _equal(column, getattr(one.cluster, column), getattr(other.cluster, column))
    assert list(one.jobs.names) == list(other.jobs.names)
    for column in go.JobSet.COLUMNS:
        _equal(column, getattr(one.jobs, column), getattr(other.jobs, column))
    assert (one.jobs.workload, one.jobs.entity) == (other.jobs.workload, other.jobs.entity)
    table, copy = one.throughputs, other.throughputs
    assert (table.unit, table.source) == (copy.unit, copy.source)
    _equal("rates", table.rates, copy.rates)
    _equal("known", table.known_cells, copy.known_cells)
    if pairs:
        assert pair_rates(one) == pair_rates(other)


def pair_rates(instance: go.Instance) -> dict[tuple[str, str], list[list[str]]]:
    """{(job, job): rates of both on each type}, for every two jobs whose pair is in the table, smaller name first."""
    table = instance.throughputs
    if table.pairs is None:
        return {}
    kind = np.arange(len(table.jobs)) if table.kind is None else table.kind
    found = {}
    for (first, second), rates in zip(table.pairs.members, table.pairs.rates, strict=True):
        for a in np.flatnonzero(kind == first):
            for b in np.flatnonzero(kind == second):
                if a != b and not np.isnan(rates).all():
                    one, other = table.jobs[int(a)], table.jobs[int(b)]
                    key, cells = ((one, other), rates) if one < other else ((other, one), rates[:, ::-1])
                    found[key] = [[str(rate) for rate in cell] for cell in cells.tolist()]
    return found


def _equal(what: str, one: Any, other: Any) -> None:
    empty = [value is None or not len(value) for value in (one, other)]  # a column of no jobs says nothing
    assert empty[0] == empty[1], what
    if not empty[0]:
        np.testing.assert_array_equal(one, other, err_msg=what, strict=True)
