"""The allocation space: what can be decided, as columns.

A column has members (the jobs it serves), a use of each resource, and a rate for each member. Three sparse matrices
hold it all; x is the decision:

    rate  = R x      (J,)  throughput of each job
    share = M x      (J,)  time of each job,      M x <= time   (a job has one life)
    usage = U x      (C,)  use of each resource,  U x <= capacity

The plain space ("grid") has one column for every (job, accelerator type), job by job, so x is the allocation matrix
X (J, C) read row by row; its three matrices are derived only when somebody asks for them. Space sharing appends columns
of two members.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from gavelopt.labels import Labels
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray, read_only
from gavelopt.model.sharing import PairFamily

Sparse = Any  # scipy.sparse arrays carry no useful static type

SMALL = 1 << 20  # cells: a table up to here is copied sooner than read across its rows again and again


def by_type(table: FloatArray) -> FloatArray:
    """(C, J) the columns of a (J, C) array; each of them in one piece where that is a small copy."""
    return np.ascontiguousarray(table.T) if table.size <= SMALL else table.T


@dataclass(frozen=True, eq=False)
class Grid:
    """The plain space as dense arrays.

    table: (J, C) rate of the job on the type; use: (J,) accelerators the job holds (its gang);
    usable: (J, C) False where the job must get no time; yardstick: (J, C) rates on the cluster whose shares normalise
    throughputs (gangs fit differently there), None where that is this one.
    """

    table: FloatArray
    use: FloatArray
    usable: BoolArray
    yardstick: FloatArray | None = None

    @cached_property
    def by_type(self) -> FloatArray:
        """(C, J) the table, type by type."""
        return by_type(self.table)


@dataclass(frozen=True, eq=False)
class Shared:
    """Columns of two jobs that share the accelerators of one gang (space sharing).

    members: (P, 2) jobs; resource: (P,) type; rates: (P, 2) rate of each member; use: (P,) accelerators, held once.
    """

    members: IntArray
    resource: IntArray
    rates: FloatArray
    use: FloatArray


@dataclass(frozen=True, eq=False)
class AllocationSpace:
    """Columns over J jobs and C resources; see the head of this file.

    Build one with ``from_grid`` (a column for every job and type, then any shared columns) or ``from_columns``.
    """

    jobs: Labels
    resources: Labels
    capacity: FloatArray
    time: FloatArray
    grid: Grid | None = None
    family: PairFamily | None = None
    shared: Shared | None = None
    _given: tuple[Sparse, Sparse, Sparse] | None = field(default=None, repr=False)

    @classmethod
    def from_grid(
        cls,
        jobs: Labels,
        resources: Labels,
        capacity: FloatArray,
        table: FloatArray,
        use: FloatArray,
        usable: BoolArray,
        time: FloatArray | None = None,
        family: PairFamily | None = None,
        shared: Shared | None = None,
        yardstick: FloatArray | None = None,
    ) -> AllocationSpace:
        """One column for every (job, type), job by job. ``time`` (J,) is each job's budget, 1 unless rows were merged.

        ``family`` says which pairs of jobs may share accelerators besides; such columns exist only once they are named,
        by ``with_columns`` (or as ``shared``).
        """
        budget = np.ones(len(jobs)) if time is None else time
        family = family if family is not None and len(family) else None
        shared = shared if shared is not None and len(shared.members) else None
        return cls(jobs, resources, capacity, read_only(budget), Grid(table, use, usable, yardstick), family, shared)

    def with_columns(self, entry: IntArray, first: IntArray, second: IntArray) -> AllocationSpace:
        """The space with the pair columns (family entry, first job, second job) behind the single ones.

        Raises ValueError where a job is not of the kind that the entry names, or is paired with itself.
        """
        family = self.family
        if family is None or not len(entry):
            return self
        wrong = (family.kind[first] != family.members[entry, 0]) | (family.kind[second] != family.members[entry, 1])
        if (wrong | (first == second)).any():
            raise ValueError("a pair column does not belong to its family entry")
        chosen = Shared(
            np.column_stack([first, second]), family.resource[entry], family.rates[entry], family.use[entry]
        )
        return replace(self, shared=chosen)

    @classmethod
    def from_columns(
        cls,
        jobs: Labels,
        resources: Labels,
        capacity: FloatArray,
        rate: Sparse,
        member: Sparse,
        use: Sparse,
        time: FloatArray | None = None,
    ) -> AllocationSpace:
        """Any columns: ``rate`` and ``member`` are sparse (J, K), ``use`` is sparse (C, K)."""
        budget = np.ones(len(jobs)) if time is None else time
        given = (sparse.csc_array(rate), sparse.csc_array(member), sparse.csc_array(use))
        return cls(jobs, resources, capacity, read_only(budget), _given=given)

    @property
    def plain(self) -> Grid | None:
        """The grid where it is the whole space: every column serves one job on one type."""
        return self.grid if self.family is None and self.shared is None else None

    @property
    def singles(self) -> Grid | None:
        """The grid where no column is shared (though some might be)."""
        return self.grid if self.shared is None else None

    @property
    def size(self) -> int:
        """Number of columns."""
        if self.grid is None:
            return int(self.matrices[0].shape[1])
        return int(self.grid.table.size + (len(self.shared.members) if self.shared else 0))

    @cached_property
    def matrices(self) -> tuple[Sparse, Sparse, Sparse]:
        """(R, M, U) as sparse CSC arrays over all columns."""
        if self._given is not None:
            return self._given
        assert self.grid is not None
        rows, types = self.grid.table.shape
        columns = np.arange(rows * types)
        job, start = columns // max(types, 1), np.arange(rows * types + 1)
        rate = sparse.csc_array((self.grid.table.ravel(), job, start), shape=(rows, rows * types))
        member = sparse.csc_array((np.ones(rows * types), job, start), shape=(rows, rows * types))
        held = np.repeat(self.grid.use, types)
        use = sparse.csc_array((held, columns % max(types, 1), start), shape=(types, rows * types))
        if self.shared is None:
            return rate, member, use
        more = _shared_matrices(self.shared, rows, types)
        first, second, third = (
            sparse.hstack(both, format="csc") for both in zip((rate, member, use), more, strict=True)
        )
        return first, second, third

    @cached_property
    def usable(self) -> BoolArray:
        """(K,) columns that may carry time."""
        if self.grid is None:
            return np.ones(self.size, dtype=bool)
        singles = self.grid.usable.ravel()
        return singles if self.shared is None else np.append(singles, np.ones(len(self.shared.members), dtype=bool))

    def rate(self, x: FloatArray) -> FloatArray:
        """(J,) throughput of each job under the decision ``x``."""
        return Reading(self, x).rate

    def share(self, x: FloatArray) -> FloatArray:
        """(J,) time of each job under ``x``."""
        return Reading(self, x).share

    def usage(self, x: FloatArray) -> FloatArray:
        """(C,) use of each resource under ``x``."""
        return Reading(self, x).usage

    @cached_property
    def ceiling(self) -> FloatArray:
        """(J,) the highest rate each job could have with all capacity to itself: time times its fastest usable column."""
        if self.grid is None:
            best = np.asarray(self.matrices[0].max(axis=1).todense()).ravel() if self.size else np.zeros(len(self.jobs))
            return np.asarray(best * self.time)
        best, everywhere = np.zeros(len(self.jobs)), bool(self.grid.usable.all())
        for rates, usable in zip(self.grid.by_type, self.grid.usable.T, strict=True):
            np.maximum(best, rates, out=best, where=True if everywhere else usable)
        if self.family is not None:
            of_kind = np.zeros(len(self.family.jobs_of_kind))
            np.maximum.at(of_kind, self.family.members.ravel(), self.family.rates.ravel())
            best = np.maximum(best, of_kind[self.family.kind])
        elif self.shared is not None:
            np.maximum.at(best, self.shared.members.ravel(), self.shared.rates.ravel())
        return np.asarray(best * self.time)


@dataclass(frozen=True, eq=False)
class Reading:
    """What a decision x (K,) comes to in a space: rate, share (J,) and usage (C,), each read once."""

    space: AllocationSpace
    x: FloatArray

    @cached_property
    def _columns(self) -> FloatArray | None:
        """(C, J) the decision type by type; None where some columns are shared."""
        singles = self.space.singles
        return None if singles is None else by_type(self.x.reshape(singles.table.shape))

    @cached_property
    def rate(self) -> FloatArray:
        """(J,) throughput of each job."""
        if self.space.singles is None or self._columns is None:
            return np.asarray(self.space.matrices[0] @ self.x)
        return np.asarray(np.einsum("cj,cj->j", self.space.singles.by_type, self._columns))

    @cached_property
    def share(self) -> FloatArray:
        """(J,) time of each job."""
        if self._columns is None:
            return np.asarray(self.space.matrices[1] @ self.x)
        return np.asarray(np.einsum("cj->j", self._columns))

    @cached_property
    def usage(self) -> FloatArray:
        """(C,) use of each resource."""
        if self.space.singles is None or self._columns is None:
            return np.asarray(self.space.matrices[2] @ self.x)
        return np.asarray(np.einsum("cj,j->c", self._columns, self.space.singles.use))


def _shared_matrices(shared: Shared, jobs: int, types: int) -> tuple[Sparse, Sparse, Sparse]:
    pairs = len(shared.members)
    twice, once = np.arange(0, 2 * pairs + 1, 2), np.arange(pairs + 1)
    # the members of a column in rising order, as CSC wants them
    order = np.argsort(shared.members, axis=1, kind="stable")
    member_rows = np.take_along_axis(shared.members, order, axis=1).ravel()
    rates = np.take_along_axis(shared.rates, order, axis=1).ravel()
    rate = sparse.csc_array((rates, member_rows, twice), shape=(jobs, pairs), copy=True)
    member = sparse.csc_array((np.ones(2 * pairs), member_rows, twice), shape=(jobs, pairs), copy=True)
    for matrix in (rate, member):
        matrix.sum_duplicates()  # two jobs of one merged row: both count; in place, hence the copies
    return rate, member, sparse.csc_array((shared.use, shared.resource, once), shape=(types, pairs))
