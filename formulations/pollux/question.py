"""One elastic problem in the terms that all of Pollux's methods share: utilities of options, and what nodes still offer.

    u_jo = u_p((x_jo + epsilon) / unit)      utility of option o for job j; the sum over jobs orders plans as FITNESS_p does

``unit`` is a speedup near the optimum (for p < 0 the highest level that the pool could give to every job): the utilities of
a good plan are then of order 1 for every p, and what overflows to -inf is never part of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import gavelopt as go

IDLE, KEEP = -1, -2  # choices that are no configuration
STEEP = -10.0  # the mean that heuristics follow where powers are beyond arithmetic
STEEPEST = -100.0  # below it the mean is within J^(1/|p|) of the smallest: 1.07 for 1000 jobs


@dataclass(frozen=True, eq=False)
class Question:
    """Utilities of J jobs over C configurations, of keeping the present row, and of getting nothing."""

    instance: go.ElasticInstance
    speedups: go.elastic.Speedups
    p: float
    epsilon: float
    apart: bool
    unit: float

    @classmethod
    def of(cls, problem: go.Problem) -> Question:
        """The question of a problem whose policy is a power mean of speedups.

        Raises Infeasible where jobs that may not be moved break the rule on distributed jobs.
        """
        policy: Any = problem.policy
        instance: Any = problem.instance
        speedups = policy.speedups(instance)
        apart = bool(policy.one_distributed_per_node)
        stays = np.zeros((0, instance.nodes)) if instance.current is None else instance.current[speedups.pinned]
        taken = np.flatnonzero(go.elastic.bounds.crowded(stays))
        if apart and len(taken):
            raise go.Infeasible(
                f"{instance.node_names[int(taken[0])]} holds two distributed jobs that may not be moved; "
                "one_distributed_per_node=False allows that"
            )
        unit = 1.0
        if policy.p < 0:
            count = go.elastic.bounds.NodePrices.per_gpu(instance, np.ones(len(instance.cluster)), 1.0)
            unit = go.elastic.bounds.highest_level(speedups, apart, count) + policy.unallocated
        return cls(instance, speedups, float(policy.p), float(policy.unallocated), apart, unit)

    @cached_property
    def utility(self) -> go.FloatArray:
        """(J, C) u_jo, -inf where the option is not allowed."""
        return np.nan_to_num(self.worth(self.speedups.of), nan=-np.inf, neginf=-np.inf)

    @cached_property
    def kept(self) -> go.FloatArray:
        """(J,) utility of the row held now, -inf for none."""
        return np.nan_to_num(self.worth(self.speedups.kept), nan=-np.inf, neginf=-np.inf)

    @cached_property
    def idle(self) -> go.FloatArray:
        """(J,) utility of getting nothing, -inf for a job that may not be moved."""
        return np.where(self.speedups.pinned, -np.inf, self.worth(np.zeros(len(self.kept))))

    def worth(self, speedup: go.FloatArray) -> go.FloatArray:
        """u_p of speedups; for p so steep that no sum orders plans, those of a less steep mean for heuristics to follow."""
        return go.elastic.box_cox((speedup + self.epsilon) / self.unit, STEEP if self.steep else self.p)

    @property
    def steep(self) -> bool:
        """Whether the smallest speedup decides: p = -inf, or as good as that."""
        return self.p < STEEPEST

    @cached_property
    def present(self) -> go.IntArray:
        """(J, N) GPUs held now, all 0 on an idle cluster."""
        current = self.instance.current
        shape = (len(self.instance.jobs), self.instance.nodes)
        return np.zeros(shape, dtype=np.int64) if current is None else current

    def fitness(self, plan: go.IntArray) -> float:
        """The power mean of the plan's speedups plus epsilon; -inf for a plan that uses an option nobody allows."""
        x = self.speedups.of_plan(plan)
        return -np.inf if np.isnan(x).any() else go.elastic.bounds.power_mean(x + self.epsilon, self.p)

    def bound(self, prices: go.elastic.bounds.NodePrices) -> float:
        """The least upper bound on the fitness that these prices prove."""
        found = go.elastic.bounds.fitness_bounds(self.speedups, self.p, self.epsilon, self.apart, prices)
        return min(found.values())

    def gpu_prices(self, price: go.FloatArray, pool: bool = False) -> go.elastic.bounds.NodePrices:
        """One price (R,) for a GPU of each type, as proof."""
        return go.elastic.bounds.NodePrices.per_gpu(self.instance, price, self.unit, pool)

    def closed(self, plan: go.IntArray, bound: float, tolerance: float) -> bool:
        """Whether the plan is within ``tolerance`` of the bound."""
        return self.fitness(plan) >= bound * (1.0 - tolerance)


def answer(question: Question, plan: go.IntArray, prices: go.Multipliers | None = None, **more: Any) -> go.Answer:
    """The plan as an Answer, with the batch sizes that its goodput stands for."""
    instance = question.instance
    way = instance.configuration_of(plan)
    chosen = {
        "gpus": plan.sum(axis=1),
        "nodes": (plan > 0).sum(axis=1),
        "local_batch": go.elastic.in_configuration(instance.local_batch, way),
        "accumulation": go.elastic.in_configuration(instance.accumulation, way),
        "speedup": question.speedups.of_plan(plan),
    }
    details = {name: column.tolist() for name, column in chosen.items()}
    return go.Answer(np.zeros(0), prices, plan=plan, details=details, **more)
