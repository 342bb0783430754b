"""Co-adaptation over time: jobs whose gradient noise changes as they learn, planned anew every minute.

Progress is counted in iterations at the initial batch size (scale-invariant iterations):

    d progress_j / dt = GOODPUT_j(A_j; best batch at the present noise scale) / M0_j

and the job is done when its progress reaches that of a full training run. At the start of every round the policy plans for
the jobs that are there, with their noise scale at their progress (``TrainingCurve``), what they hold, their age and restarts.
A job whose GPUs change stands still for its restart delay. A job may use at most twice the replicas it ever ran on
(``explore``), as a scheduler would that has measured no more.

Differs from Pollux's simulator: goodput is the model's at the fitted parameters instead of interpolated measurements, noise
is read from the run at the initial batch size, and batch sizes change only with the plan.
Reference: Pollux, sections 4 and 5.3; adaptdl's simulator/simulator.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go
from formulations.pollux.fit import MOST_REPLICAS
from formulations.pollux.fitness import PolluxFitness

DAY_S = 86_400.0


@dataclass(frozen=True, eq=False)
class TrainingCurve:
    """Gradient statistics over a training run: rows by rising progress, each (E,).

    progress: scale-invariant iterations at the end of an epoch; sqr, var: squared norm and variance of the gradient then.
    """

    progress: go.FloatArray
    sqr: go.FloatArray
    var: go.FloatArray

    def __post_init__(self) -> None:
        for name in ("progress", "sqr", "var"):
            object.__setattr__(self, name, np.atleast_1d(np.asarray(getattr(self, name), dtype=np.float64)))
        if not len(self.progress) or len({len(self.progress), len(self.sqr), len(self.var)}) != 1:
            raise go.InputError("a training curve needs rows of equal length", seen=len(self.progress))
        if (np.diff(self.progress) <= 0).any() or self.progress[0] <= 0:
            raise go.InputError("progress must rise", seen=self.progress[:4].tolist(), rule="0 < p_1 < p_2 < ...")

    @property
    def total(self) -> float:
        """Progress of the whole run."""
        return float(self.progress[-1])

    def gradient(self, progress: float) -> tuple[float, float]:
        """(sqr, var) of the epoch that the job is in."""
        at = min(int(np.searchsorted(self.progress, progress, side="right")), len(self.progress) - 1)
        return float(self.sqr[at]), float(self.var[at])


@dataclass(frozen=True, eq=False)
class Trajectory:
    """finish_s: (J,) when each job was done (NaN: not by the horizon); restarts: (J,); rounds: times planned;
    planning_s: seconds spent on plans; gaps: (rounds,) certified gap of each plan."""

    arrival_s: go.FloatArray
    finish_s: go.FloatArray
    restarts: go.IntArray
    rounds: int
    planning_s: float
    gaps: go.FloatArray

    @property
    def completion_s(self) -> go.FloatArray:
        """(J,) seconds from arrival to the end."""
        return self.finish_s - self.arrival_s


def simulate(
    cluster: go.Cluster,
    jobs: go.ElasticJobs,
    arrival_s: object,
    curves: Sequence[TrainingCurve],
    policy: PolluxFitness | None = None,
    *,
    interval_s: float = 60.0,
    horizon_s: float = 7 * DAY_S,
    explore: bool = True,
    **options: Any,
) -> Trajectory:
    """Run the jobs to their end; ``options`` go to ``solve`` (method, time_limit, ...).

    Raises:
        InputError: arrivals or curves of another number than jobs, an interval that is not positive.
    """
    arrival = np.asarray(arrival_s, dtype=np.float64)
    if arrival.shape != (len(jobs),) or len(curves) != len(jobs):
        raise go.InputError(
            "arrivals and curves must be one a job", seen=f"{arrival.shape}, {len(curves)}", rule=str(len(jobs))
        )
    if not interval_s > 0:
        raise go.InputError("interval_s out of range", seen=interval_s, rule="seconds > 0")
    run = _Run(cluster, jobs, arrival, curves, policy or PolluxFitness(), explore, options)
    now = float(np.floor(arrival.min(initial=0.0) / interval_s)) * interval_s
    while run.waiting and now < horizon_s:
        run.round(now, interval_s)
        now += interval_s
    return Trajectory(arrival, run.finish, run.restarts, len(run.gaps), run.planning_s, np.array(run.gaps))


class _Run:
    """What changes: progress, GPUs, restarts and finishing times of all jobs."""

    def __init__(
        self,
        cluster: go.Cluster,
        jobs: go.ElasticJobs,
        arrival: go.FloatArray,
        curves: Sequence[TrainingCurve],
        policy: PolluxFitness,
        explore: bool,
        options: dict[str, Any],
    ) -> None:
        empty = go.ElasticInstance(cluster, jobs)
        self.cluster, self.jobs, self.arrival, self.curves = cluster, jobs, arrival, curves
        self.policy, self.explore, self.options = policy, explore, options
        self.progress, self.total = np.zeros(len(jobs)), np.array([curve.total for curve in curves])
        self.held = np.zeros((len(jobs), empty.nodes), dtype=np.int64)
        self.most = np.zeros(len(jobs), dtype=np.int64)  # replicas that each job ever ran on
        self.restarts = np.zeros(len(jobs), dtype=np.int64)
        self.finish = np.full(len(jobs), np.nan)
        self.gaps: list[float] = []
        self.planning_s = 0.0

    @property
    def waiting(self) -> bool:
        """Whether some job is not done."""
        return bool(np.isnan(self.finish).any())

    def round(self, now: float, length: float) -> None:
        """Plan for the jobs that are there and let them train for one round."""
        here = np.flatnonzero(np.isnan(self.finish) & (self.arrival <= now))
        if not len(here):
            return
        instance: Any = self._instance(here, now)
        solution = go.solve(instance, self.policy, **self.options)
        if solution.plan is None:
            raise go.SolverError(f"no plan at {now:g} s: {solution.status}. {solution.message}")
        self.planning_s += solution.seconds
        self.gaps.append(np.nan if solution.gap is None else solution.gap)
        self._train(here, np.asarray(solution.plan), solution.allocation.rates, now, length)  # type: ignore[union-attr]

    def _instance(self, here: go.IntArray, now: float) -> go.ElasticInstance:
        """The jobs as they are now."""
        gradient = np.array([self.curves[job].gradient(self.progress[job]) for job in here])
        jobs = self.jobs.take(here)
        most = np.minimum(jobs.max_replicas, np.clip(2 * self.most[here], 1, MOST_REPLICAS))
        jobs = jobs.replace(
            grad_sqr=gradient[:, 0],
            grad_var=gradient[:, 1],
            age_s=now - self.arrival[here],
            restarts=self.restarts[here],
            max_replicas=np.maximum(most, jobs.min_replicas) if self.explore else jobs.max_replicas,
        )
        return go.ElasticInstance(self.cluster, jobs, self.held[here])

    def _train(self, here: go.IntArray, plan: go.IntArray, goodput: go.FloatArray, now: float, length: float) -> None:
        """One round at these rates; a job that moved first stands still for its restart delay."""
        moved = (plan != self.held[here]).any(axis=1) & self.held[here].any(axis=1)
        self.restarts[here] += moved
        delay = np.where(moved, np.minimum(self.jobs.restart_s[here], length), 0.0)
        speed = goodput / self.jobs.init_batch_size[here]
        left = self.total[here] - self.progress[here]
        needed = np.divide(left, speed, out=np.full(len(here), np.inf), where=speed > 0)
        done = delay + needed <= length
        self.finish[here[done]] = now + (delay + needed)[done]
        self.progress[here] += np.where(done, left, speed * (length - delay))
        self.held[here] = np.where(done[:, None], 0, plan)
        self.most[here] = np.maximum(self.most[here], plan.sum(axis=1) // self.jobs.gpus_per_replica[here])
