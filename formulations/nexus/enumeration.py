"""Proof by enumeration: every set of sessions that could be part of a better packing.

Let z be the master's optimum with prices y, nu, and U the best packing known. In any packing cheaper than U every GPU has
a reduced cost  c_t + nu_t - sum_{k in S} y_k  of at most  (U - step) - z, where step is the least by which two costs
differ. Where the maximal sets that satisfy this are few, the integer program over them decides whether U is optimal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

import gavelopt as go
from formulations.nexus.columns import Column
from formulations.nexus.patterns import Knapsacks

MOST_SETS = 60_000
MOST_STEPS = 30_000_000


def all_sets(table: Knapsacks, value: go.FloatArray, least: go.FloatArray) -> list[Column] | None:
    """All maximal sets worth at least ``least`` (m,) in their row; None where they are too many to list."""
    n = table.weight.shape[1]
    rows, sets, complete = _enumerate(
        table.duty, table.weight, table.memory, table.limit, value, least, min(MOST_SETS, 200_000_000 // max(n, 1))
    )
    if not complete:
        return None
    found: dict[tuple[int, tuple[int, ...]], int] = {}
    for row, members in zip(rows, sets, strict=True):
        found.setdefault((int(table.kind[row]), tuple(np.flatnonzero(members).tolist())), int(row))
    return [(row, items) for (_, items), row in found.items()]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _enumerate(duty: Any, weight: Any, memory: Any, limit: Any, value: Any, least: Any, most: int) -> Any:
    m, n = weight.shape
    rows, sets = np.empty(most, np.int64), np.zeros((most, n), np.bool_)
    found, steps = 0, 0
    stack, ratio = np.empty(n, np.int64), np.empty(n)
    for i in range(m):
        for k in range(n):
            ratio[k] = -value[k] / weight[i, k] if weight[i, k] > 0 else np.inf
        order = np.argsort(ratio)
        count = np.sum(weight[i] > 0)
        depth, at, paid, room, held = 0, 0, 0.0, duty[i], 0
        while True:
            steps += 1
            if steps > MOST_STEPS:
                return rows[:found], sets[:found], False
            bound, left = paid, room
            for ahead in range(at, count):
                k = order[ahead]
                if weight[i, k] > left:
                    bound += value[k] * left / weight[i, k]
                    break
                left -= weight[i, k]
                bound += value[k]
            if at < count and bound >= least[i]:
                k = order[at]
                if weight[i, k] <= room and held + memory[i, k] <= limit[i]:
                    stack[depth] = at
                    depth += 1
                    room -= weight[i, k]
                    held += memory[i, k]
                    paid += value[k]
                at += 1
                continue
            if (
                at >= count
                and paid >= least[i]
                and _maximal(order, count, weight[i], memory[i], stack, depth, room, held, limit[i])
            ):
                if found == most:
                    return rows, sets, False
                rows[found] = i
                for s in range(depth):
                    sets[found, order[stack[s]]] = True
                found += 1
            if depth == 0:
                break
            depth -= 1
            at = stack[depth]
            k = order[at]
            room += weight[i, k]
            held -= memory[i, k]
            paid -= value[k]
            at += 1
    return rows[:found], sets[:found], True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _maximal(
    order: Any, count: int, weight: Any, memory: Any, stack: Any, depth: int, room: int, held: int, limit: int
) -> bool:
    """Whether no item left out still fits."""
    inside = 0
    for at in range(count):
        if inside < depth and stack[inside] == at:
            inside += 1
            continue
        k = order[at]
        if weight[k] <= room and held + memory[k] <= limit:
            return False
    return True
