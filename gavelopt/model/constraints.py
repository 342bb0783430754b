"""Named constraints: what an answer must satisfy, each with a name that errors and checks use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gavelopt.model.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class RateFloor:
    """rate_i >= floor_i for every job with floor_i > 0 (a service-level objective).

    floor: (J,) smallest throughput of each job in the table's unit; 0 for none.
    """

    name: str
    floor: FloatArray


def joint_floor(floors: Sequence[RateFloor], jobs: int) -> FloatArray:
    """(J,) the highest floor of each job, 0 where it has none: whoever keeps that one keeps them all."""
    return np.max([floor.floor for floor in floors], axis=0, initial=0.0) if floors else np.zeros(jobs)


@dataclass(frozen=True)
class Check:
    """One constraint as the judge found it.

    residual: the largest violation, relative to max(1, the right-hand side); <= limit means satisfied.
    worst: label where the residual stands, None when nothing is violated.
    proof: whether it is about what proves the answer best; without it the answer stands, but not as optimal.
    """

    name: str
    residual: float
    limit: float
    worst: str | None = None
    proof: bool = False

    @property
    def passed(self) -> bool:
        return self.residual <= self.limit
