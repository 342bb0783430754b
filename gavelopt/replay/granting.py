"""Asking a policy, at some moment of a replay, what the jobs that are present should get.

Two ways of asking, with the same answers up to ties: ``_Warm`` keeps a ``Session`` whose jobs come and go, so that a solve
starts from the last one's prices; ``_Afresh`` cuts the present jobs out of the trace and solves that. A session keeps neither
pairs of jobs that share, nor entities, nor a reference cluster: traces with these are asked afresh.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gavelopt.engine.session import Session
from gavelopt.engine.solve import solve
from gavelopt.errors import GavelOptError
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.instance import Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.policy import Policy
from gavelopt.model.references import isolated_share
from gavelopt.model.solution import Solution
from gavelopt.model.throughput import ThroughputTable
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


class _Asker(Protocol):
    """Solves for the ``active`` jobs with their ``columns`` as they are now; jobs of the answer in any order."""

    def __call__(self, active: IntArray, columns: dict[str, FloatArray], **arguments: Any) -> Solution: ...


class Granting:
    """The policy with its method, and how often and how long it was solved."""

    def __init__(self, instance: Instance, policy: Policy, method: str, seed: int, options: dict[str, Any]) -> None:
        self.instance, self.policy, self.method, self.seed = instance, policy, method, seed
        self.rates, self.able = runnable(instance)
        self.solves, self.seconds = 0, 0.0
        asker = _Warm if _session_suffices(instance, policy) else _Afresh
        self.asker: _Asker = asker(instance, policy, options)

    def ask(self, now: float, active: IntArray, progress: Progress) -> Grant:
        """The grant to the ``active`` jobs (rising) at time ``now``. Raises GavelOptError where the policy finds none."""
        began = time.perf_counter()
        columns = self.columns(now, active, progress)
        solution = self.asker(active, columns, method=self.method, seed=self.seed + self.solves)
        self.seconds += time.perf_counter() - began
        self.solves += 1
        if solution.allocation is None:
            raise GavelOptError(
                f"policy {self.policy.describe()} found no allocation for the {len(active)} jobs present at {now:g} s: "
                f"{solution.status}. {solution.message}"
            )
        return _grant(active, self.instance, self.rates, solution)

    @property
    def counted(self) -> dict[str, Any]:
        """The counts, under the names that results give them."""
        return {"solves": self.solves, "solve_s": self.seconds}

    def columns(self, now: float, active: IntArray, progress: Progress) -> dict[str, FloatArray]:
        """What time has changed of the active jobs, (A,) each: steps left, ages, seconds to the deadline."""
        jobs = self.instance.jobs
        found = {
            "steps": progress.left[active],
            "elapsed_s": jobs.elapsed_s[active] + np.maximum(now - jobs.arrival_s[active], 0.0),
            "isolated_elapsed_s": progress.isolated_s[active],
        }
        if jobs.deadline_s is not None:
            deadline = jobs.deadline_s[active] - now
            found["deadline_s"] = np.where(deadline > 0, deadline, np.nan)  # a missed one binds no more
        return found


def _session_suffices(instance: Instance, policy: Policy) -> bool:
    """Whether the answer needs nothing that a session does not keep."""
    shares = policy.space_sharing and instance.throughputs.pairs is not None
    return not (shares or instance.entities or instance.reference is not None)


class _Afresh:
    """Every question is cut out of the trace."""

    def __init__(self, instance: Instance, policy: Policy, options: dict[str, Any]) -> None:
        self.instance, self.policy, self.options = instance, policy, options

    def __call__(self, active: IntArray, columns: dict[str, FloatArray], **arguments: Any) -> Solution:
        part = self.instance.take(active.tolist())
        jobs = part.jobs
        kept = {name: getattr(jobs, name) for name in ("workload", "scale_factor", "weight", "arrival_s", "entity")}
        question = part.replace(jobs=JobSet(jobs.names, **kept, **columns))  # type: ignore[arg-type]
        return solve(question, self.policy, **arguments, **self.options)


class _Warm:
    """A session; ``present`` are the positions in the trace of its jobs."""

    def __init__(self, instance: Instance, policy: Policy, options: dict[str, Any]) -> None:
        self.instance = instance
        known, rates = instance.throughputs.known_cells, instance.throughputs.rates
        self.types = instance.cluster.accelerators
        self.rates = np.where(known, rates, np.nan)
        nobody = ThroughputTable(np.zeros((0, len(self.types))), [], self.types, unit=instance.throughputs.unit)
        self.session = Session(Instance(instance.cluster, JobSet([]), nobody), policy, **options)
        self.present: frozenset[int] = frozenset()

    def __call__(self, active: IntArray, columns: dict[str, FloatArray], **arguments: Any) -> Solution:
        here = frozenset(active.tolist())
        for job in sorted(self.present - here):
            self.session.remove(self.instance.jobs.names[job])
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        for job, row in zip(active.tolist(), rows, strict=True):
            now = dict(zip(columns, row, strict=True))
            if job in self.present:
                self.session.update(self.instance.jobs.names[job], **now)
            else:
                self.session.add({**self._fixed(job), **now})
        self.present = here
        return self.session.solve(**arguments)

    def _fixed(self, job: int) -> dict[str, Any]:
        """What time does not change of a job."""
        jobs = self.instance.jobs
        kept = {name: getattr(jobs, name)[job] for name in ("scale_factor", "weight", "arrival_s")}
        return {"name": jobs.names[job], "rates": dict(zip(self.types, self.rates[job], strict=True)), **kept}


def _grant(active: IntArray, instance: Instance, rates: FloatArray, solution: Solution) -> Grant:
    """The columns of the answer as combinations; time where a gang fits on no whole accelerators is dropped."""
    assert solution.allocation is not None
    question, space, x = solution.instance, solution.allocation.space, solution.allocation.x
    row = np.array([question.jobs.names.index(instance.jobs.names[job]) for job in active.tolist()], dtype=np.int64)
    alone = rates[active]
    grid = x[: alone.size].reshape(alone.shape)[row] * (alone > 0)
    isolated = np.einsum("jr,jr->j", alone, isolated_share(question)[row])
    single = np.column_stack([active, np.full(len(active), -1)])
    both = np.stack([alone, np.zeros(alone.shape)], axis=2)
    if space.shared is None or not (x[alone.size :] > 1e-9).any():
        return Grant(active, single, grid, both, isolated)
    shared, types = space.shared, alone.shape[1]  # asked afresh: the rows of the answer are those of ``active``
    members, pair = np.unique(shared.members, axis=0, return_inverse=True)
    time_ = np.zeros((len(members), types))
    pair_rates = np.zeros((len(members), types, 2))
    pair = pair.ravel()
    time_[pair, shared.resource] = x[alone.size :]
    pair_rates[pair, shared.resource] = shared.rates
    return Grant(
        active,
        np.vstack([single, active[members]]),
        np.vstack([grid, time_]),
        np.concatenate([both, pair_rates]),
        isolated,
    )
