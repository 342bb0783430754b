"""Co-adaptation over time: jobs whose gradient noise changes as they learn, planned anew every round.

Progress is counted in iterations at the initial batch size (scale-invariant iterations):

    d progress_j / dt = GOODPUT_j(A_j; best batch at the present noise scale) / M0_j

and the job is done when its progress reaches that of a full training run. At the start of every round (a minute, from a full
minute on) the policy plans for the jobs that are there, with their noise scale at their progress (``TrainingCurve``), what they
hold, their age and restarts. The rules are those of the rounds of rigid jobs: arrivals enter at boundaries; a job that ran
before and starts again or moves stands still for its restart delay first; what it has not served of the delay it owes in the
next round; GPUs of a job that ends within a round are idle until the next. A job may use at most twice the replicas it ever
ran on (``explore``), as a scheduler would that has measured no more.

Differs from Pollux's simulator: goodput is the model's at the fitted parameters instead of interpolated measurements, noise
is read from the run at the initial batch size, and batch sizes change only with the plan.
Reference: Pollux, OSDI 2021, sections 4 and 5.3; adaptdl's simulator/simulator.py.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.engine.solve import solve
from gavelopt.errors import GavelOptError
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.elastic import ElasticInstance
from gavelopt.model.elastic_jobs import MOST_REPLICAS
from gavelopt.model.elastic_trace import ElasticTrace
from gavelopt.model.policy import Policy
from gavelopt.replay import metrics
from gavelopt.replay.log import Log
from gavelopt.replay.timeline import Timeline

if TYPE_CHECKING:
    import pandas as pd

DAY_S = 86_400.0


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ElasticReplay(Timeline):
    """Completion times of J elastic jobs; what ``Timeline`` has, and the plans.

    places: (S, N) GPUs of each node that each segment of the log holds (``log.gang`` is their sum, ``log.steps`` the progress
    made). gaps: (solves,) certified gap of each plan, NaN where there is no bound.
    """

    trace: ElasticTrace
    places: IntArray
    gaps: FloatArray

    @property
    def arrival_s(self) -> FloatArray:
        """(J,) when each job arrives."""
        return self.trace.arrival_s

    @property
    def names(self) -> Labels:
        """The jobs."""
        return self.trace.jobs.names

    @property
    def cluster(self) -> Cluster:
        """The accelerators."""
        return self.trace.cluster

    @property
    def work(self) -> FloatArray:
        """(J,) scale-invariant iterations of each job."""
        return self.trace.total

    @property
    def ideal_s(self) -> FloatArray:
        """(J,) seconds alone on the cluster in the best configurations."""
        return self.trace.ideal_s

    @cached_property
    def gpu_s(self) -> FloatArray:
        """(J,) GPU-seconds that each job held."""
        held = self.log.gang * self.log.held_s
        return np.asarray(np.bincount(self.log.job, weights=held, minlength=len(self.arrival_s)), dtype=np.float64)

    @cached_property
    def devices(self) -> tuple[tuple[int, ...], ...]:
        """For each segment of the log, the numbers of its GPUs within their type, on the nodes of the plan."""
        from gavelopt.replay.devices import assign_devices

        return assign_devices(self.log, self.cluster, self.places)

    def summary(self) -> dict[str, Any]:
        """The figures of the replay as plain Python."""
        known = self.gaps[~np.isnan(self.gaps)]
        return metrics.timeline_summary(self) | {"worst_gap": float(known.max()) if len(known) else None}

    def to_frame(self) -> pd.DataFrame:
        """One row a job: times, completion time, restarts, seconds on each type, GPU-seconds."""
        return metrics.job_frame(self).assign(gpu_s=self.gpu_s)


def replay_elastic(
    trace: ElasticTrace,
    policy: Policy,
    *,
    round_s: float = 60.0,
    restart_s: float | None = None,
    explore: bool = True,
    horizon_s: float = 7 * DAY_S,
    seed: int = 0,
    **options: Any,
) -> ElasticReplay:
    """Run the jobs to their end; ``replay`` with an ElasticTrace comes here.

    Args:
        trace: the jobs. policy: of the kind elastic. round_s: seconds between two plans.
        restart_s: seconds that a restart costs; None: the jobs' own.
        explore: whether a job's replicas at most double from round to round.
        horizon_s: seconds after the last arrival at which the replay ends, done or not.
        options: of ``solve`` (method, time_limit, ...) and of the method.

    Raises:
        GavelOptError: the policy has no plan at some round; the time is named.
    """
    began = time.perf_counter()
    jobs = trace.jobs if restart_s is None else trace.jobs.replace(restart_s=np.full(len(trace), restart_s))
    run = _Run(trace, jobs, policy, explore, seed, options)
    end = run.to_the_end(round_s, horizon_s)
    run.close(np.flatnonzero(run.held.any(axis=1)), end)
    log, places = run.logged()
    return ElasticReplay(
        trace=trace,
        scheduler=policy.describe(),
        mode="rounds",
        finish_s=run.finish,
        start_s=run.start,
        preemptions=run.stops,
        log=log,
        places=places,
        round_s=round_s,
        gaps=np.array(run.gaps),
        seed=seed,
        solves=len(run.gaps),
        solve_s=run.solve_s,
        seconds=time.perf_counter() - began,
        warnings=trace.warnings,
    )


class _Run:
    """What changes: progress, GPUs, restarts and finishing times of all jobs, and the log."""

    def __init__(
        self,
        trace: ElasticTrace,
        jobs: Any,
        policy: Policy,
        explore: bool,
        seed: int,
        options: dict[str, Any],
    ) -> None:
        self.trace, self.jobs, self.policy, self.explore, self.options = trace, jobs, policy, explore, options
        self.seed, count, nodes = seed, len(trace), trace.instance.nodes
        self.waits = trace.runnable.copy()
        self.progress, self.owed = np.zeros(count), np.zeros(count)
        self.held = np.zeros((count, nodes), dtype=np.int64)
        self.most, self.stops = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self.finish, self.start = np.full(count, np.nan), np.full(count, np.nan)
        self.since, self.made, self.lost = np.zeros(count), np.zeros(count), np.zeros(count)
        self.gaps: list[float] = []
        self.solve_s = 0.0
        self.rows: list[tuple[float, ...]] = []
        self.places: list[IntArray] = []

    def to_the_end(self, length: float, horizon_s: float) -> float:
        """Round after round until every job that can run is done, or the horizon is reached; returns the time then."""
        arrival = self.trace.arrival_s
        last = float(arrival.max(initial=0.0)) + horizon_s
        number = int(np.floor(arrival.min(initial=last) / length))  # rounds begin at full multiples of their length
        while self.waits.any() and number * length < last:
            if not self.round(number * length, length):  # nobody is there: on to the round of the next arrival
                coming = arrival[self.waits & (arrival > number * length)].min()
                number = max(number, int(np.ceil(coming / length)) - 1)
            number += 1
        return number * length

    def round(self, now: float, length: float) -> bool:
        """Plan for the jobs that are there and let them train for one round; False where there are none."""
        here = np.flatnonzero(self.waits & (self.trace.arrival_s <= now))
        if not len(here):
            return False
        began = time.perf_counter()
        solution = solve(self._instance(here, now), self.policy, seed=self.seed + len(self.gaps), **self.options)
        self.solve_s += time.perf_counter() - began
        if solution.plan is None or solution.allocation is None:
            raise GavelOptError(f"no plan at {now:g} s: {solution.status}. {solution.message}")
        self.gaps.append(np.nan if solution.gap is None else solution.gap)
        self._seat(here, np.asarray(solution.plan), now)
        self._train(here, solution.allocation.rates, now, length)
        return True

    def _instance(self, here: IntArray, now: float) -> ElasticInstance:
        """The jobs as they are now."""
        gradient = np.array([self.trace.curves[job].gradient(self.progress[job]) for job in here])
        jobs = self.jobs.take(here)
        most = np.minimum(jobs.max_replicas, np.clip(2 * self.most[here], 1, MOST_REPLICAS))
        jobs = jobs.replace(
            grad_sqr=gradient[:, 0],
            grad_var=gradient[:, 1],
            age_s=now - self.trace.arrival_s[here],
            restarts=self.stops[here],
            max_replicas=np.maximum(most, jobs.min_replicas) if self.explore else jobs.max_replicas,
        )
        return ElasticInstance(self.trace.cluster, jobs, self.held[here])

    def _seat(self, here: IntArray, plan: IntArray, now: float) -> None:
        """Close the segments of jobs whose GPUs change and open the new ones."""
        moves = (plan != self.held[here]).any(axis=1)
        changed, rows = here[moves], plan[moves]
        leaving, runs = self.held[changed].any(axis=1), rows.any(axis=1)
        self.close(changed[leaving], now)
        self.stops[changed] += leaving
        ran = ~np.isnan(self.start[changed])
        self.owed[changed] = np.where(ran & runs, self.jobs.restart_s[changed], 0.0)
        self.start[changed[~ran & runs]] = now
        self.held[changed], self.since[changed] = rows, now
        self.made[changed], self.lost[changed] = 0.0, 0.0
        self.most[changed] = np.maximum(self.most[changed], rows.sum(axis=1) // self.jobs.gpus_per_replica[changed])

    def _train(self, here: IntArray, goodput: FloatArray, now: float, length: float) -> None:
        """One round at these rates, after the restart delay that is still due."""
        runs = self.held[here].any(axis=1)
        delay = np.where(runs, np.minimum(self.owed[here], length), 0.0)
        speed = goodput / self.jobs.init_batch_size[here]
        left = self.trace.total[here] - self.progress[here]
        needed = delay + np.divide(left, speed, out=np.full(len(here), np.inf), where=speed > 0)
        done = needed <= length
        made = np.where(done, left, speed * (length - delay))
        self.progress[here] += made
        self.made[here] += made
        self.owed[here] -= delay
        self.lost[here] += delay
        ended = here[done]
        self.finish[ended], self.waits[ended] = now + needed[done], False
        for job, end in zip(ended.tolist(), self.finish[ended].tolist(), strict=True):
            self.close(np.array([job]), end)
        self.held[ended] = 0

    def close(self, jobs: IntArray, end: float) -> None:
        """End the segments of ``jobs`` (that hold GPUs) at ``end``."""
        for job in jobs.tolist():
            if end > self.since[job]:
                held = self.held[job].copy()
                kind = int(self.trace.instance.node_type[np.argmax(held)])
                row = (job, kind, int(held.sum()), self.since[job], end, self.made[job], self.lost[job])
                self.rows.append(row)
                self.places.append(held)

    def logged(self) -> tuple[Log, IntArray]:
        """The log, and the (S, N) GPUs on each node of its segments."""
        names = ("job", "accelerator", "gang", "start_s", "end_s", "steps", "restart_s")
        order = sorted(range(len(self.rows)), key=lambda s: (self.rows[s][3], self.rows[s][0]))  # as in Log.of
        table = np.array([self.rows[s] for s in order], dtype=np.float64).reshape(-1, len(names))
        places = np.array([self.places[s] for s in order], dtype=np.int64).reshape(-1, self.held.shape[1])
        return Log.of(**dict(zip(names, table.T, strict=True))), places
