"""What every elastic job could be given, and what that is worth to it.

    x = factor GOODPUT / reference      for a new set of GPUs; factor < 1 stands for the time a restart costs
    x = GOODPUT / reference             for the very GPUs that the job holds now (its row of ``current`` unchanged)
    x = 0                               for no GPU at all

and the utilities u_p(t) = (t^p - 1) / p, t = (x + epsilon) / unit (Box and Cox; log t at p = 0), whose sum orders plans as
the power mean of the x + epsilon does, for every p <= 1, without a break at p = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavelopt.model.arrays import BoolArray, FloatArray, IntArray, read_only
from gavelopt.model.elastic import Configurations, ElasticInstance, in_configuration


@dataclass(frozen=True, eq=False)
class Speedups:
    """of: (J, C) x of each configuration, NaN where the job may not use it; kept: (J,) x of the row held now, NaN for none;
    pinned: (J,) jobs that must keep their row. (A pinned job has no entry in ``of`` and may not be idle.)
    factor: (J,) what a change of GPUs leaves of a job's goodput, 1 for a job that holds none."""

    instance: ElasticInstance
    of: FloatArray
    kept: FloatArray
    pinned: BoolArray
    factor: FloatArray

    @classmethod
    def under(cls, instance: ElasticInstance, reference: FloatArray, factor: FloatArray) -> Speedups:
        """From the (J,) goodput that counts as 1 and the (J,) restart factor of jobs that hold GPUs."""
        goodput, pinned, jobs = instance.goodput, instance.pinned, len(instance.jobs)
        scale = np.divide(1.0, reference, out=np.zeros(jobs), where=reference > 0)
        holds = np.zeros(jobs, dtype=bool) if instance.current is None else instance.current.any(axis=1)
        factor = np.where(holds, factor, 1.0)
        moved = goodput * (scale * factor)[:, None]
        of = np.where((goodput > 0) & ~pinned[:, None], moved, np.nan)
        kept = np.full(jobs, np.nan)
        if instance.current is not None:
            way = instance.configuration_of(instance.current)
            now = in_configuration(goodput, way) * scale
            kept = np.where(holds & ((now > 0) | pinned), now, np.nan)
        return cls(instance, read_only(of), read_only(kept), pinned, read_only(factor))

    @property
    def ways(self) -> Configurations:
        """The configurations, in the order of the columns of ``of``."""
        return self.instance.configurations

    def of_plan(self, plan: IntArray) -> FloatArray:
        """(J,) x of every job under a (J, N) plan; NaN where its row is not one it may have."""
        way = self.instance.configuration_of(plan)
        x = np.where((way < 0) & plan.any(axis=1), np.nan, in_configuration(self.of, way))
        return np.where(self.stays(plan) & ~np.isnan(self.kept), self.kept, x)

    def stays(self, plan: IntArray) -> BoolArray:
        """(J,) jobs whose row of the plan is the one they hold now."""
        if self.instance.current is None:
            return np.zeros(len(plan), dtype=bool)
        return np.asarray((plan == self.instance.current).all(axis=1) & plan.any(axis=1))

    def counted_goodput(self, plan: IntArray) -> FloatArray:
        """(J,) useful samples/s of each job, after the loss that a restart costs."""
        way = self.instance.configuration_of(plan)
        goodput: FloatArray = in_configuration(self.instance.goodput, way)
        return goodput * np.where(self.stays(plan), 1.0, self.factor)

    def best(self) -> FloatArray:
        """(J,) the most that each job could have."""
        most = np.nan_to_num(self.of, nan=0.0).max(axis=1, initial=0.0)
        return np.where(self.pinned, self.kept, np.fmax(most, np.nan_to_num(self.kept, nan=0.0)))


def box_cox(t: FloatArray, p: float) -> FloatArray:
    """u_p(t) for t >= 0: (t^p - 1) / p, log t at p = 0; -inf where that overflows or t = 0 and p <= 0."""
    with np.errstate(divide="ignore", over="ignore"):
        log = np.log(t)
        return log if p == 0 else np.asarray(np.expm1(p * log) / p)


def mean_of(utility: float, p: float) -> float:
    """The power mean of t whose u_p has the mean ``utility``: the inverse of u_p; infinite where no t reaches it."""
    if p == 0:
        return float(np.exp(utility))
    inside = p * utility
    if inside <= -1.0:
        return float("inf") if p < 0 else 0.0
    return float(np.exp(np.log1p(inside) / p))
