"""From columns of classes to columns of jobs: every job gets its part of each column of its class.

A column of two classes at time x is dealt out in pairs of jobs, so that each job of either class is in pairs for its part of
x: lay the parts of both classes out on [0, 1) and pair what lies on top of each other (the north-west corner rule, at most
m + n - 1 pairs). For a class with itself the second layout starts half a turn later, so that a job whose part is at most
1/2 never meets itself; each job is then as long the first of its pairs as the second.
"""

from __future__ import annotations

import numpy as np

from gavelopt.engine.aggregate import Merged
from gavelopt.model.arrays import FloatArray, IntArray

Pairs = tuple[IntArray, IntArray, IntArray]  # family entry, first job, second job

SLIVER = 1e-12  # a part below this is rounding


def dealt(
    merged: Merged, entry: IntArray, first: IntArray, second: IntArray, x: FloatArray
) -> tuple[FloatArray, Pairs | None]:
    """(x of the jobs, the job pairs that carry its end) of x (K,) over the classes' single columns and then the pair columns
    (family entry, first class, second class)."""
    grid = merged.space.grid
    assert grid is not None
    singles = grid.table.size
    alone = merged.expand(x[:singles])
    order = np.argsort(merged.member, kind="stable")
    jobs_of = np.split(order, np.cumsum(merged.count).astype(np.int64)[:-1])
    entries, firsts, seconds, times = [], [], [], []
    for position in np.flatnonzero(x[singles:] > 0.0).tolist():
        a, b = jobs_of[first[position]], jobs_of[second[position]]
        turn = 0.5 if first[position] == second[position] else 0.0
        i, k, part = paired(merged.part[a], merged.part[b], turn)
        entries.append(np.full(len(part), entry[position]))
        firsts.append(a[i])
        seconds.append(b[k])
        times.append(part * x[singles + position])
    if not entries:
        return alone, None
    pairs = (np.concatenate(entries), np.concatenate(firsts), np.concatenate(seconds))
    return np.append(alone, np.concatenate(times)), pairs


def paired(left: FloatArray, right: FloatArray, turn: float) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs (i, k) and parts in which each i has left_i and each k has right_k; both sum to 1, ``right`` starts at ``turn``."""
    ends, others = np.cumsum(left), np.cumsum(right)
    edges = np.unique(np.concatenate([[0.0, 1.0], ends[:-1], np.mod(others[:-1] + turn, 1.0), [turn]]))
    edges = edges[(edges >= 0.0) & (edges <= 1.0)]
    middle, part = 0.5 * (edges[:-1] + edges[1:]), np.diff(edges)
    keep = part > SLIVER
    middle, part = middle[keep], part[keep]
    i = np.minimum(np.searchsorted(ends, middle, side="right"), len(left) - 1)
    k = np.minimum(np.searchsorted(others, np.mod(middle - turn, 1.0), side="right"), len(right) - 1)
    return i, k, part
