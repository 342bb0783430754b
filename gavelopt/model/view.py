"""The words in which a policy is declared, and their numeric reading.

A policy's ``objective(view)`` uses only the words of ``View``. Read numerically (here) it gives the value of an
allocation; read structurally (``structure.py``) it gives the normal form; read symbolically (the convex backend) it gives
a cvxpy expression.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.model.arrays import BoolArray, FloatArray
from gavelopt.model.instance import Instance
from gavelopt.model.references import best_rate, equal_share_rate, isolated_rate
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import power_sum, settled


class View(ABC):
    """Words about an instance. Data words are (J,) arrays; ``rate`` is what the allocation decides."""

    def __init__(self, instance: Instance, space: AllocationSpace) -> None:
        self.instance, self.space = instance, space

    # --- data words -------------------------------------------------------------------------------------------------
    @property
    def weight(self) -> FloatArray:
        """(J,) priority weights."""
        return self.instance.jobs.weight

    @property
    def scale_factor(self) -> FloatArray:
        """(J,) accelerators each job holds at once."""
        return self.instance.jobs.scale_factor.astype(np.float64)

    @property
    def steps(self) -> FloatArray:
        """(J,) steps left. Raises InputError where a job's steps are unknown."""
        return _known(self.instance, "steps")

    @property
    def deadline_s(self) -> FloatArray:
        """(J,) seconds until each job must be done, infinite where there is no deadline."""
        deadline = self.instance.jobs.deadline_s
        none = np.full(len(self.instance.jobs), np.inf)
        return none if deadline is None else np.where(np.isnan(deadline), np.inf, deadline)

    @property
    def elapsed_s(self) -> FloatArray:
        """(J,) seconds since each job arrived."""
        return self.instance.jobs.elapsed_s

    @property
    def isolated_elapsed_s(self) -> FloatArray:
        """(J,) seconds the work done so far would have taken on an isolated share."""
        return self.instance.jobs.isolated_elapsed_s

    @cached_property
    def equal_share_rate(self) -> FloatArray:
        """(J,) Gavel's proportional throughput: the rate with X_ij = N_j / sum N."""
        return equal_share_rate(self.instance, self.space)

    @cached_property
    def isolated_rate(self) -> FloatArray:
        """(J,) the rate of a 1/J share of the cluster."""
        return isolated_rate(self.instance, self.space)

    @cached_property
    def best_rate(self) -> FloatArray:
        """(J,) the rate on the fastest type."""
        return best_rate(self.space)

    # --- decision words and reducers --------------------------------------------------------------------------------
    @property
    @abstractmethod
    def rate(self) -> Any:
        """(J,) throughput of each job."""

    @property
    @abstractmethod
    def usage(self) -> Any:
        """(R,) accelerators of each type in use, on average."""

    @property
    def cost_per_hour(self) -> FloatArray:
        """(R,) price of one accelerator of each type for one hour. Raises InputError where a price is unknown."""
        return known_costs(self.instance)

    @abstractmethod
    def total(self, values: Any) -> Any:
        """Sum over jobs."""

    @abstractmethod
    def smallest(self, values: Any, over: BoolArray | None = None) -> Any:
        """Minimum over jobs, or over those where ``over`` holds."""

    @abstractmethod
    def largest(self, values: Any) -> Any:
        """Maximum over jobs."""

    @abstractmethod
    def log_total(self, values: Any, weights: FloatArray | None = None) -> Any:
        """Weighted sum of logarithms."""

    @abstractmethod
    def power_mean(self, values: Any, p: float, weights: FloatArray | None = None) -> Any:
        """Weighted power mean: p = 1 the mean, 0 (and |p| < 1e-6) the geometric mean, -inf the minimum."""


class Rates(np.ndarray[tuple[int, ...], np.dtype[np.float64]]):
    """An array of rates by which work can be divided: no work takes no time, whatever the rate."""

    def __rtruediv__(self, work: object) -> FloatArray:  # type: ignore[override]
        todo, rate = np.asarray(work, dtype=np.float64), self.view(np.ndarray)
        return np.asarray(np.where(todo == 0.0, 0.0, np.divide(todo, rate)))


class NumericView(View):
    """The numeric reading: numpy alone. ``rate`` is given, the words are arithmetic."""

    def __init__(
        self,
        instance: Instance,
        space: AllocationSpace,
        rate: FloatArray,
        usage: Callable[[], FloatArray] | None = None,
    ) -> None:
        super().__init__(instance, space)
        self._rate, self._used = rate, usage

    @cached_property
    def usage(self) -> FloatArray:
        return np.zeros(len(self.space.resources)) if self._used is None else self._used()

    @property
    def rate(self) -> FloatArray:
        return self._rate.view(Rates)

    def total(self, values: FloatArray) -> float:
        return float(np.sum(values))

    def smallest(self, values: FloatArray, over: BoolArray | None = None) -> float:
        counted = values if over is None else values[over]
        return float(np.min(counted)) if len(counted) else 0.0

    def largest(self, values: FloatArray) -> float:
        return float(np.max(values)) if len(values) else 0.0

    def log_total(self, values: FloatArray, weights: FloatArray | None = None) -> float:
        return power_sum(values, np.ones(len(values)) if weights is None else weights, 0.0)

    def power_mean(self, values: FloatArray, p: float, weights: FloatArray | None = None) -> float:
        if not len(values):
            return 0.0
        share = np.ones(len(values)) if weights is None else weights
        mean = power_sum(values, share / (share.sum() or 1.0), settled(p))
        return float(np.exp(mean)) if settled(p) == 0 else mean


def known_costs(instance: Instance) -> FloatArray:
    """(R,) cost per hour of every type. Raises InputError, naming the first type without one."""
    costs = instance.cluster.cost_per_hour
    names = instance.cluster.accelerators
    missing = np.ones(len(names), dtype=bool) if costs is None else ~(costs > 0)
    if costs is None or missing.any():
        raise InputError(
            "this policy needs the cost of every accelerator type",
            where=f"accelerator {names[int(np.argmax(missing))]!r}" if len(names) else "the cluster",
            seen="unknown or 0" if costs is not None else "no costs",
            rule="cost_per_hour > 0",
        )
    return costs


def _known(instance: Instance, column: str) -> FloatArray:
    values = getattr(instance.jobs, column)
    if len(instance.jobs) == 0:
        return np.zeros(0)
    missing = np.ones(len(instance.jobs), dtype=bool) if values is None else np.isnan(values)
    if missing.any():
        first = instance.jobs.names[int(np.argmax(missing))]
        raise InputError(
            f"this policy needs {column} of every job",
            where=f"job {first!r}" + (f" and {int(missing.sum()) - 1} more" if missing.sum() > 1 else ""),
            seen="unknown",
            fix=f"give {column}",
        )
    return np.asarray(values)
