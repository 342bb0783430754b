"""Jobs that are alike, merged for a linear program of the judge's own, and dealt out again.

Jobs with the same rates, gang, usable types, time, pair kind (and whatever else the program knows of them) become one row:
m of them have m times the time, and their rate is the sum of theirs. Dealing a class's time out evenly gives each job an
m-th, so nothing is lost or won; a pair of classes at time x gives each of the m jobs on either side x / m, in as few pairs
of jobs as a walk along both sides needs, and a class paired with itself goes round in a ring.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray, read_only
from gavelopt.model.sharing import PairFamily
from gavelopt.model.space import AllocationSpace, Shared


@dataclass(frozen=True, eq=False)
class Alike:
    """The smaller space and the way back.

    whole, space: before and after; of: (J,) class of each job; first: (K,) a job of each class; count: (K,) its jobs.
    """

    whole: AllocationSpace
    space: AllocationSpace
    of: IntArray
    first: IntArray
    count: FloatArray

    def dealt(self, space: AllocationSpace, x: FloatArray) -> tuple[AllocationSpace, FloatArray]:
        """A decision over the classes' ``space`` (with the pairs it has come to list) as one over the jobs."""
        grid = space.grid
        assert grid is not None
        cells = grid.table.size
        singles = (x[:cells].reshape(grid.table.shape) / self.count[:, None])[self.of].ravel()
        base = replace(self.whole, shared=None)
        if space.shared is None:
            return base, singles
        jobs_of = np.split(np.argsort(self.of, kind="stable"), np.cumsum(self.count.astype(np.int64))[:-1])
        used = np.flatnonzero(x[cells:] > 0.0)
        dealt = [_walk(jobs_of[a], jobs_of[b], time) for (a, b), time in _columns(space.shared, used, x[cells:])]
        if not dealt:
            return base, singles
        source = np.repeat(used, [len(time) for _, _, time in dealt])
        shared = Shared(
            np.column_stack([np.concatenate([pair[side] for pair in dealt]) for side in (0, 1)]),
            space.shared.resource[source],
            space.shared.rates[source],
            space.shared.use[source],
        )
        return replace(base, shared=shared), np.concatenate([singles, *(time for _, _, time in dealt)])


def merge(space: AllocationSpace, *known: FloatArray) -> Alike | None:
    """The space with alike jobs merged, listed pairs too; ``known`` are (J,) data in which merged jobs must agree.

    None where columns cannot be merged: any columns without a grid, or pairs that stand for themselves only.
    """
    grid, family = space.grid, space.family
    if grid is None or (family is None and space.shared is not None) or not len(space.jobs):
        return None
    kind = np.zeros(len(space.jobs)) if family is None else family.kind
    rows = np.column_stack([np.where(grid.usable, grid.table, -1.0), grid.use, space.time, kind, *known])
    _, first, of, count = np.unique(rows, axis=0, return_index=True, return_inverse=True, return_counts=True)
    if family is not None:
        family = PairFamily(family.kind[first], family.members, family.resource, family.rates, family.use)
    small = AllocationSpace.from_grid(
        Labels.numbered("class ", len(first), "class"),
        space.resources,
        space.capacity,
        read_only(grid.table[first]),
        grid.use[first],
        grid.usable[first],
        time=space.time[first] * count,
        family=family,
        shared=None if space.shared is None else _of_classes(space.shared, of.ravel()),
    )
    return Alike(space, small, of.ravel(), first, count.astype(np.float64))


def _of_classes(shared: Shared, of: IntArray) -> Shared:
    """The pair columns between classes, each once."""
    rows = np.column_stack([of[shared.members], shared.resource, shared.rates, shared.use])
    _, first = np.unique(rows, axis=0, return_index=True)
    return Shared(of[shared.members[first]], shared.resource[first], shared.rates[first], shared.use[first])


def _columns(shared: Shared, used: IntArray, time: FloatArray) -> list[tuple[tuple[int, int], float]]:
    """((first class, second class), time) of every pair column that carries time."""
    return [((int(a), int(b)), float(time[at])) for at, (a, b) in zip(used, shared.members[used], strict=True)]


def _walk(first: IntArray, second: IntArray, time: float) -> tuple[IntArray, IntArray, FloatArray]:
    """(one job, other job, time) of job pairs in which every job of either side has the same part of ``time``."""
    if first is second or np.array_equal(first, second):  # a ring: each job has two neighbours
        return first, np.roll(first, -1), np.full(len(first), time / len(first))
    cuts = np.union1d(np.arange(1, len(first) + 1) / len(first), np.arange(1, len(second) + 1) / len(second))
    cuts = cuts[np.append(np.diff(cuts) > 1e-12, True)]
    cuts[-1] = 1.0
    length = np.diff(cuts, prepend=0.0)
    middle = cuts - length / 2
    one = first[np.minimum((middle * len(first)).astype(np.int64), len(first) - 1)]
    other = second[np.minimum((middle * len(second)).astype(np.int64), len(second) - 1)]
    return one, other, time * length
