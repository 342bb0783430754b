"""Named constraints: what an answer must satisfy, each with a name that errors and checks use."""

from __future__ import annotations

from dataclasses import dataclass

from gavelopt.model.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class RateFloor:
    """rate_i >= floor_i for every job with floor_i > 0 (a service-level objective).

    floor: (J,) smallest throughput of each job in the table's unit; 0 for none.
    """

    name: str
    floor: FloatArray


@dataclass(frozen=True)
class Check:
    """One constraint as the judge found it.

    residual: the largest violation, relative to max(1, the right-hand side); <= limit means satisfied.
    worst: label where the residual stands, None when nothing is violated.
    """

    name: str
    residual: float
    limit: float
    worst: str | None = None

    @property
    def passed(self) -> bool:
        return self.residual <= self.limit
