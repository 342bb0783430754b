"""Feasibility of an allocation, constraint by constraint, and its value from the numeric reading of the declaration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray
from gavelopt.model.constraints import Check, RateFloor
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy
from gavelopt.model.space import AllocationSpace, Reading
from gavelopt.model.view import NumericView

LIMIT = 1e-7
RULE_LIMIT = 1e-9


def check(
    space: AllocationSpace,
    x: FloatArray,
    floors: Sequence[RateFloor] = (),
    rates: FloatArray | None = None,
    reading: Reading | None = None,
) -> tuple[Check, ...]:
    """Every named constraint with its residual, relative to max(1, right-hand side); a floor's relative to the floor.

    ``x`` is (K,); ``rates`` (J,) are the throughputs that floors are held against (by default those of ``space``);
    ``reading`` of x, where there is one.
    """
    least, most = float(x.min(initial=0.0)), float(x.max(initial=0.0))  # either is nan where any of x is
    if x.shape != (space.size,) or not np.isfinite([least, most]).all():
        return (Check("numbers", float("inf"), LIMIT, f"shape {x.shape}, finite {bool(np.isfinite(x).all())}"),)
    column = partial(column_name, space)
    capacity, time = space.capacity, space.time
    barred = np.zeros(0) if space.usable.all() else np.where(space.usable, 0.0, np.abs(x))
    found = [
        _check("nonnegative", np.zeros(0) if least >= 0.0 else -x, column),
        _check("usable cells", barred, column),
    ]
    # a little less than nothing in many columns must not pay for time elsewhere
    reading = reading or Reading(space, x)
    taken = reading if least >= 0.0 else Reading(space, np.maximum(x, 0.0))
    found += [
        _check("time", (taken.share - time) / np.maximum(1.0, time), space.jobs.__getitem__),
        _check("capacity", (taken.usage - capacity) / np.maximum(1.0, capacity), space.resources.__getitem__),
    ]
    for floor in floors:
        rate = reading.rate if rates is None else rates
        short = np.where(floor.floor > 0, (floor.floor - rate) / np.where(floor.floor > 0, floor.floor, 1.0), 0.0)
        found.append(_check(floor.name, short, space.jobs.__getitem__))
    return tuple(found)


def check_rule(matrix: FloatArray, expected: FloatArray, jobs: Labels) -> Check:
    """Whether the allocation is the closed form that the policy states."""
    return _check("rule", np.abs(matrix - expected).max(axis=1, initial=0.0), jobs.__getitem__, RULE_LIMIT)


def value_of(
    policy: Policy,
    instance: Instance,
    space: AllocationSpace,
    rates: FloatArray,
    usage: Callable[[], FloatArray] | None = None,
    proof: Any = None,
) -> float:
    """The policy's reported value at (J,) ``rates``, and (R,) ``usage`` where it asks: its declaration as arithmetic."""
    if len(instance.jobs) == 0:
        return 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return policy.value(NumericView(instance, space, rates, usage), proof)


def column_name(space: AllocationSpace, column: int) -> str:
    """A column as people say it: ``j0 on v100``, ``j0 with j1 on v100``."""
    if space.grid is None:
        return f"column {column}"
    if column < space.grid.table.size:
        job, place = divmod(column, len(space.resources))
        return f"{space.jobs[job]} on {space.resources[place]}"
    assert space.shared is not None
    pair = column - space.grid.table.size
    first, second = (space.jobs[int(job)] for job in space.shared.members[pair])
    return f"{first} with {second} on {space.resources[int(space.shared.resource[pair])]}"


def tidy(space: AllocationSpace, x: FloatArray) -> FloatArray:
    """``x`` made exactly feasible: rounding errors of a solver are scaled away, first in time, then in capacity."""
    clean = np.where(space.usable, np.maximum(x, 0.0), 0.0)
    over = space.share(clean) / np.where(space.time > 0, space.time, 1.0)
    if (over > 1.0).any():
        clean = clean / _of_columns(space, np.maximum(over, 1.0), 1)
    load = space.usage(clean) / np.where(space.capacity > 0, space.capacity, 1.0)
    if (load > 1.0).any():
        clean = clean / _of_columns(space, np.maximum(load, 1.0), 2)
    return np.asarray(clean)


def _of_columns(space: AllocationSpace, factor: FloatArray, which: int) -> FloatArray:
    """(K,) the largest factor among each column's jobs (which = 1) or resources (which = 2)."""
    if space.plain is not None:
        shape = space.plain.table.shape
        return np.asarray(np.broadcast_to(factor[:, None] if which == 1 else factor[None, :], shape).ravel())
    touched = (space.matrices[which] != 0).astype(np.float64)
    return np.asarray(np.maximum(np.asarray(touched.multiply(factor[:, None]).max(axis=0).todense()).ravel(), 1.0))


def _check(name: str, violation: FloatArray, label: Callable[[int], str], limit: float = LIMIT) -> Check:
    worst = float(violation.max(initial=0.0))
    return Check(name, worst, limit, label(int(np.argmax(violation))) if worst > 0 else None)
