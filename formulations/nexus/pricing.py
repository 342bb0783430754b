"""The pricing problem: of all duty cycles, the set of sessions of highest value that fits one GPU.

    max over rows i    max { sum_{k in S} y_k :  sum_{k in S} w_ik <= d_i,  memory fits,  no two of S apart }

One 0/1 knapsack a row. Each is bounded by its fractional relaxation (best value per time first, the last one cut), rows
are taken by falling bound, and a row is searched depth first, taking an item before leaving it, with that same bound at
every step. A row that cannot beat ``target_i + share x (best excess so far)`` is not searched at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

import gavelopt as go
from formulations.nexus.patterns import Knapsacks

MOST_STEPS = 2_000_000  # of one knapsack's search; no instance of the suite comes near
EPSILON = 1e-9


def best_sets(
    knapsacks: Knapsacks,
    value: go.FloatArray,
    target: go.FloatArray,
    share: float = 0.0,
    apart: np.ndarray[Any, Any] | None = None,
    steps: int = MOST_STEPS,
) -> tuple[list[tuple[float, int, tuple[int, ...]]], bool]:
    """Sets worth more than their row's target, as (excess, row, items), best first; and whether the search was complete.

    value: (n,); target: (m,); share: 0 finds one set for every row that has one, 1 only sets that beat all before them;
    apart: (n, n) True where two items must not share a GPU; steps: after so many a row is left with the best set found.
    """
    n = knapsacks.weight.shape[1]
    pairs = np.zeros((n, n), dtype=np.bool_) if apart is None else apart
    excess, chosen, complete = _search(
        knapsacks.duty,
        knapsacks.weight,
        knapsacks.memory,
        knapsacks.limit,
        value,
        target,
        share,
        pairs,
        apart is not None,
        steps,
    )
    rows = np.flatnonzero(excess > 0)
    rows = rows[np.argsort(-excess[rows], kind="stable")]
    return [(float(excess[i]), int(i), tuple(np.flatnonzero(chosen[i]).tolist())) for i in rows], bool(complete)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _search(
    duty: Any,
    weight: Any,
    memory: Any,
    limit: Any,
    value: Any,
    target: Any,
    share: float,
    apart: Any,
    split: bool,
    most: int,
) -> Any:
    m, n = weight.shape
    order, count, bound = np.empty((m, n), np.int64), np.zeros(m, np.int64), np.zeros(m)
    for i in range(m):
        count[i] = _sorted_items(weight[i], value, order[i])
        bound[i] = _fractional(order[i], count[i], weight[i], value, 0, duty[i]) - target[i]
    excess, chosen, complete, best = np.zeros(m), np.zeros((m, n), np.bool_), True, 0.0
    for i in np.argsort(-bound):
        if bound[i] <= max(share * best, EPSILON):
            break
        floor = target[i] + max(share * best, EPSILON)
        found, done = _one(
            order[i], count[i], weight[i], memory[i], value, duty[i], limit[i], floor, apart, split, chosen[i], most
        )
        complete = complete and done
        if found > floor:
            excess[i] = found - target[i]
            best = max(best, excess[i])
    return excess, chosen, complete


@njit(cache=True)  # type: ignore[untyped-decorator]
def _sorted_items(weight: Any, value: Any, order: Any) -> int:
    """Writes the items that pay anything, by falling value per time; returns how many."""
    ratio = np.empty(len(value))
    count = 0
    for k in range(len(value)):
        if weight[k] > 0 and value[k] > EPSILON:
            order[count] = k
            ratio[count] = -value[k] / weight[k]
            count += 1
    rank = np.argsort(ratio[:count])
    order[:count] = order[:count][rank]
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fractional(order: Any, count: int, weight: Any, value: Any, start: int, room: int) -> Any:
    """The most that items from ``start`` on can pay in ``room`` when one of them may be cut."""
    total = 0.0
    for at in range(start, count):
        k = order[at]
        if weight[k] > room:
            return total + value[k] * room / weight[k]
        room -= weight[k]
        total += value[k]
    return total


@njit(cache=True)  # type: ignore[untyped-decorator]
def _one(
    order: Any,
    count: int,
    weight: Any,
    memory: Any,
    value: Any,
    room: int,
    limit: int,
    floor: float,
    apart: Any,
    split: bool,
    chosen: Any,
    most: int,
) -> Any:
    """The best set of one row where it beats ``floor``: written to ``chosen``, its value returned."""
    stack = np.empty(count, np.int64)
    depth, at, paid, held, best, steps = 0, 0, 0.0, 0, floor, 0
    while True:
        steps += 1
        if steps > most:
            return best, False
        if at < count and paid + _fractional(order, count, weight, value, at, room) > best + EPSILON:
            k = order[at]
            fits = weight[k] <= room and held + memory[k] <= limit
            if fits and split:
                for s in range(depth):
                    if apart[k, order[stack[s]]]:
                        fits = False
                        break
            if fits:
                stack[depth] = at
                depth += 1
                room -= weight[k]
                held += memory[k]
                paid += value[k]
                if paid > best + EPSILON:
                    best = paid
                    chosen[:] = False
                    for s in range(depth):
                        chosen[order[stack[s]]] = True
            at += 1
            continue
        if depth == 0:
            return best, True
        depth -= 1
        at = stack[depth]
        k = order[at]
        room += weight[k]
        held -= memory[k]
        paid -= value[k]
        at += 1
