"""An allocation: the decision x over a space, with the face of the labelled matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.model.arrays import FloatArray, as_floats, read_only
from gavelopt.model.instance import Instance
from gavelopt.model.space import AllocationSpace

if TYPE_CHECKING:
    import pandas as pd

DERIVED = ("throughput", "share")  # what Solution.to_frame writes beside the fractions


@dataclass(frozen=True, eq=False)
class Allocation:
    """``allocation["job7", "v100"]`` is the fraction of time that job7 spends on v100.

    space: the columns, with the measured rates; x: (K,) time on each column.
    """

    space: AllocationSpace
    x: FloatArray

    @classmethod
    def from_frame(cls, instance: Instance, frame: pd.DataFrame) -> Allocation:
        """An allocation from elsewhere: index the jobs, columns the accelerator types, cells fractions of time.

        Jobs, types and cells that are missing (NaN) hold nothing; the derived columns of ``Solution.to_frame`` are left
        out. Whether it is feasible is the judge's question (``audit``), not asked here.

        Raises:
            InputError: a job or type that the instance does not have, a job that stands twice, a cell that is no number.
        """
        types = [
            name for name in map(str, frame.columns) if name in instance.cluster.accelerators or name not in DERIVED
        ]
        columns = [instance.cluster.accelerators.index(name) for name in types]
        rows = [instance.jobs.names.index(str(name)) for name in frame.index]
        if len(set(rows)) < len(rows):
            twice = next(name for at, name in enumerate(frame.index) if rows[at] in rows[:at])
            raise InputError(f"job {str(twice)!r} stands twice in the allocation", rule="one row a job")
        chosen = frame.loc[:, types].astype(object)
        values = as_floats(chosen.where(chosen.notna(), 0.0).to_numpy(), "fractions of time")
        if np.isinf(values).any():
            row, column = (int(at[0]) for at in np.nonzero(np.isinf(values)))
            raise InputError(
                "fraction of time out of range",
                where=f"job {frame.index[row]!r}, accelerator {types[column]!r}",
                seen=float(values[row, column]),
                rule="a finite number",
            )
        matrix = np.zeros((len(instance.jobs), len(instance.cluster)))
        matrix[np.ix_(rows, columns)] = values
        return cls(instance.space(), read_only(matrix.ravel().copy()))

    @cached_property
    def matrix(self) -> FloatArray:
        """(J, R) time of each job on each accelerator type, alone or sharing."""
        if self.space.plain is not None:
            return read_only(self.x.reshape(self.space.plain.table.shape).copy())
        _, member, use = self.space.matrices
        return np.asarray((member.multiply(self.x[None, :]) @ (use != 0).T.astype(float)).todense())

    @cached_property
    def rates(self) -> FloatArray:
        """(J,) throughput of each job, at the measured rates."""
        return self.space.rate(self.x)

    @cached_property
    def shares(self) -> FloatArray:
        """(J,) time of each job on any type."""
        return self.space.share(self.x)

    @cached_property
    def usage(self) -> FloatArray:
        """(R,) accelerators of each type in use, on average."""
        return self.space.usage(self.x)

    @property
    def jobs(self) -> Any:
        return self.space.jobs

    @property
    def accelerators(self) -> Any:
        return self.space.resources

    def __getitem__(self, key: tuple[str, str] | str) -> Any:
        """``allocation[job, accelerator]`` a fraction; ``allocation[job]`` a mapping of accelerator to fraction."""
        if isinstance(key, tuple):
            return float(self.matrix[self.jobs.index(key[0]), self.accelerators.index(key[1])])
        row = self.matrix[self.jobs.index(key)]
        return dict(zip(self.accelerators, row.tolist(), strict=True))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.matrix, dtype=dtype)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.jobs), len(self.accelerators)

    def nonzero(self, threshold: float = 1e-12) -> Iterator[tuple[str, str, float]]:
        """(job, accelerator, fraction) wherever a job gets time."""
        for row, column in zip(*np.nonzero(self.matrix > threshold), strict=True):
            yield self.jobs[row], self.accelerators[column], float(self.matrix[row, column])

    def to_frame(self) -> pd.DataFrame:
        """A DataFrame of fractions, jobs by accelerator types."""
        import pandas as pd

        return pd.DataFrame(self.matrix, index=list(self.jobs), columns=list(self.accelerators))

    def __repr__(self) -> str:
        return f"Allocation({self.shape[0]} jobs x {self.shape[1]} accelerators)"
