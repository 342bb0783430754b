"""The allocation space: what can be decided, as columns.

A column has members (the jobs it serves), a use of each resource, and a rate for each member. Three sparse matrices
hold it all; x is the decision:

    rate  = R x      (J,)  throughput of each job
    share = M x      (J,)  time of each job,      M x <= time   (a job has one life)
    usage = U x      (C,)  use of each resource,  U x <= capacity

The plain space ("grid") has one column for every (job, accelerator type), job by job, so x is the allocation matrix
X (J, C) read row by row; its three matrices are derived only when somebody asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from gavelopt.labels import Labels
from gavelopt.model.arrays import BoolArray, FloatArray, read_only

Sparse = Any  # scipy.sparse arrays carry no useful static type


@dataclass(frozen=True, eq=False)
class Grid:
    """The plain space as dense arrays.

    table: (J, C) rate of the job on the type; use: (J,) accelerators the job holds (its gang);
    usable: (J, C) False where the job must get no time.
    """

    table: FloatArray
    use: FloatArray
    usable: BoolArray


@dataclass(frozen=True, eq=False)
class AllocationSpace:
    """Columns over J jobs and C resources; see the head of this file.

    Build one with ``AllocationSpace.from_grid`` or ``AllocationSpace.from_columns``.
    """

    jobs: Labels
    resources: Labels
    capacity: FloatArray
    time: FloatArray
    grid: Grid | None = None
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
    ) -> AllocationSpace:
        """One column for every (job, type). ``time`` (J,) is each job's time budget, 1 unless rows were merged."""
        budget = np.ones(len(jobs)) if time is None else time
        return cls(jobs, resources, capacity, read_only(budget), Grid(table, use, usable))

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
        return cls(jobs, resources, capacity, read_only(budget), None, given)

    @property
    def size(self) -> int:
        """Number of columns."""
        return int(self.grid.table.size if self.grid is not None else self.matrices[0].shape[1])

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
        use = sparse.csc_array(
            (np.repeat(self.grid.use, types), columns % max(types, 1), start), shape=(types, rows * types)
        )
        return rate, member, use

    @cached_property
    def usable(self) -> BoolArray:
        """(K,) columns that may carry time."""
        return self.grid.usable.ravel() if self.grid is not None else np.ones(self.size, dtype=bool)

    def rate(self, x: FloatArray) -> FloatArray:
        """(J,) throughput of each job under the decision ``x``."""
        if self.grid is not None:
            return np.einsum("jc,jc->j", self.grid.table, x.reshape(self.grid.table.shape))
        return np.asarray(self.matrices[0] @ x)

    def share(self, x: FloatArray) -> FloatArray:
        """(J,) time of each job under ``x``."""
        return (
            x.reshape(self.grid.table.shape).sum(axis=1) if self.grid is not None else np.asarray(self.matrices[1] @ x)
        )

    def usage(self, x: FloatArray) -> FloatArray:
        """(C,) use of each resource under ``x``."""
        if self.grid is not None:
            return np.asarray(self.grid.use @ x.reshape(self.grid.table.shape))
        return np.asarray(self.matrices[2] @ x)

    @cached_property
    def ceiling(self) -> FloatArray:
        """(J,) the highest rate each job could have with all capacity to itself: time times its fastest usable column."""
        if self.grid is not None:
            if not self.grid.table.size:
                return np.zeros(len(self.jobs))
            best = np.where(self.grid.usable, self.grid.table, 0.0).max(axis=1)
        else:
            best = np.asarray(self.matrices[0].max(axis=1).todense()).ravel() if self.size else np.zeros(len(self.jobs))
        return np.asarray(best * self.time)
