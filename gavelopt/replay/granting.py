"""Asking a policy, at some moment of a replay, what the jobs that are present should get."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.engine.solve import solve
from gavelopt.errors import GavelOptError
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.instance import Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.policy import Policy
from gavelopt.model.references import isolated_share
from gavelopt.replay.queueing import runnable


@dataclass(frozen=True, eq=False)
class Grant:
    """What the policy grants: C combinations of one job, or two that share, and their time on each type.

    members: (C, 2) positions of jobs in the trace, the second -1 for a job alone; the first A rows are the A active jobs alone.
    time: (C, R) X; rates: (C, R, 2) steps/s of each member; isolated: (A,) rate of each active job on its isolated share.
    """

    active: IntArray
    members: IntArray
    time: FloatArray
    rates: FloatArray
    isolated: FloatArray


@dataclass(eq=False)
class Progress:
    """The state of a replay, (J,) each: steps left, and C_i, the time the work so far would have taken in isolation."""

    left: FloatArray
    isolated_s: FloatArray

    @classmethod
    def start(cls, instance: Instance) -> Progress:
        """Nothing done yet."""
        assert instance.jobs.steps is not None
        return cls(instance.jobs.steps.copy(), instance.jobs.isolated_elapsed_s.copy())

    def advance(self, grant: Grant, made: FloatArray) -> None:
        """Book ``made`` (J,) steps at the isolated rates of ``grant``."""
        self.left = np.maximum(self.left - made, 0.0)
        mine = made[grant.active]
        self.isolated_s[grant.active] += np.divide(
            mine, grant.isolated, out=np.zeros(len(mine)), where=grant.isolated > 0
        )


class Granting:
    """The policy with its method, and how often and how long it was solved."""

    def __init__(self, instance: Instance, policy: Policy, method: str, seed: int, options: dict[str, Any]) -> None:
        self.instance, self.policy, self.method, self.seed, self.options = instance, policy, method, seed, options
        self.rates, self.able = runnable(instance)
        self.solves, self.seconds = 0, 0.0

    def ask(self, now: float, active: IntArray, progress: Progress) -> Grant:
        """The grant to the ``active`` jobs at time ``now``. Raises GavelOptError where the policy finds none."""
        question = self.question(now, active, progress)
        began = time.perf_counter()
        solution = solve(question, self.policy, method=self.method, seed=self.seed + self.solves, **self.options)
        self.seconds += time.perf_counter() - began
        self.solves += 1
        if solution.allocation is None:
            raise GavelOptError(
                f"policy {self.policy.describe()} found no allocation for the {len(active)} jobs present at {now:g} s: "
                f"{solution.status}. {solution.message}"
            )
        isolated = np.einsum("jr,jr->j", self.rates[active], isolated_share(question))
        return _grant(active, self.rates, solution.allocation.space, solution.allocation.x, isolated)

    def question(self, now: float, active: IntArray, progress: Progress) -> Instance:
        """The active jobs as they stand: steps left, time since arrival, isolated time, seconds to the deadline."""
        part = self.instance.take(active.tolist())
        jobs = part.jobs
        deadline = None if jobs.deadline_s is None else jobs.deadline_s - now
        fresh = JobSet(
            jobs.names,
            workload=jobs.workload,
            scale_factor=jobs.scale_factor,
            weight=jobs.weight,
            steps=progress.left[active],
            arrival_s=jobs.arrival_s,
            elapsed_s=jobs.elapsed_s + np.maximum(now - jobs.arrival_s, 0.0),
            isolated_elapsed_s=progress.isolated_s[active],
            deadline_s=None if deadline is None else np.where(deadline > 0, deadline, np.nan),  # missed: binds no more
            entity=jobs.entity,
        )
        return part.replace(jobs=fresh)


def _grant(active: IntArray, rates: FloatArray, space: Any, x: FloatArray, isolated: FloatArray) -> Grant:
    """The columns of an allocation as combinations; time where a gang fits on no whole accelerators is dropped."""
    single = np.column_stack([active, np.full(len(active), -1)])
    alone = rates[active]
    grid = x[: alone.size].reshape(alone.shape) * (alone > 0)
    both = np.stack([alone, np.zeros(alone.shape)], axis=2)
    if space.shared is None or not (x[alone.size :] > 1e-9).any():
        return Grant(active, single, grid, both, isolated)
    shared, types = space.shared, alone.shape[1]
    members, row = np.unique(shared.members, axis=0, return_inverse=True)
    time_ = np.zeros((len(members), types))
    pair_rates = np.zeros((len(members), types, 2))
    row = row.ravel()
    time_[row, shared.resource] = x[alone.size :]
    pair_rates[row, shared.resource] = shared.rates
    return Grant(
        active,
        np.vstack([single, active[members]]),
        np.vstack([grid, time_]),
        np.concatenate([both, pair_rates]),
        isolated,
    )
