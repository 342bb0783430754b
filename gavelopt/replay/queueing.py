"""Queue disciplines replayed event by event: the rules stand in ``discipline.py``, the loop in ``queue_kernel.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.instance import Instance
from gavelopt.replay.arrivals import Arrivals
from gavelopt.replay.discipline import KEYS, Discipline
from gavelopt.replay.log import Log


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a replay leaves: finish and first start (J,), NaN for never; preemptions (J,); the log; further columns by name."""

    finish_s: FloatArray
    start_s: FloatArray
    preemptions: IntArray
    log: Log
    further: dict[str, Any]


def whole_accelerators(instance: Instance) -> IntArray:
    """(R,) whole accelerators; the part of a fraction is of no use to a gang."""
    return np.floor(instance.cluster.count + 1e-9).astype(np.int64)


def runnable(instance: Instance) -> tuple[FloatArray, BoolArray]:
    """(J, R) rates where the gang fits on whole accelerators, and (J,) which jobs can run somewhere and have steps left."""
    fits = instance.jobs.scale_factor[:, None] <= whole_accelerators(instance)[None, :]
    rates = np.where(fits, instance.rates, 0.0)
    assert instance.jobs.steps is not None
    return rates, (rates > 0).any(axis=1) & (instance.jobs.steps > 0)


def replay_queue(instance: Instance, chosen: Discipline, restart_s: float) -> Outcome:
    """Run ``chosen`` over the trace to the end. Jobs that can run nowhere never start; jobs without steps end on arrival."""
    from gavelopt.replay import queue_kernel as kernel  # numba is loaded when the first replay starts

    jobs = instance.jobs
    assert jobs.steps is not None
    rates, able = runnable(instance)
    order, state = Arrivals.of(jobs.arrival_s, able).order, _new_state(instance, rates)
    scale, steps, arrival, weight = jobs.scale_factor, jobs.steps, jobs.arrival_s, jobs.weight
    trace = kernel.Trace(
        np.ascontiguousarray(rates),
        scale.copy(),
        steps.copy(),
        arrival.copy(),
        weight.copy(),
        whole_accelerators(instance),
    )
    rule = _rule(chosen, restart_s)
    rows = kernel.run_queue(order, trace, rule, state) if len(order) else np.empty((0, kernel.FIELDS))
    names = ("job", "accelerator", "start_s", "end_s", "steps", "restart_s")
    log = Log.of(**dict(zip(names, rows.T, strict=True)), gang=scale[rows[:, 0].astype(np.int64)])
    finish, first = (np.where(steps == 0, arrival, times) for times in (state.finish, state.first))
    return Outcome(finish, first, state.stops, log, {"passing": rule.preemptive or rule.backfill})


def _rule(chosen: Discipline, restart_s: float) -> Any:
    from gavelopt.replay import queue_kernel as kernel

    return kernel.Rule(
        KEYS.index(chosen.key),
        chosen.preemptive,
        bool(chosen.option("backfill", False)),
        float(restart_s),
        float(chosen.option("quantum_s", 3600.0)),
        np.array(chosen.option("thresholds_s", ()), dtype=np.float64),
    )


def _new_state(instance: Instance, rates: FloatArray) -> Any:
    from gavelopt.replay import queue_kernel as kernel

    count, steps = len(instance.jobs), instance.jobs.steps
    assert steps is not None
    best = rates.max(axis=1, initial=0.0)
    zeros = {name: np.zeros(count) for name in ("penalty", "lost", "attained", "since", "key", "seconds")}
    return kernel.State(
        left=np.ones(count),
        of_segment=np.ones(count),
        **zeros,
        size=np.divide(steps, best, out=np.full(count, np.inf), where=best > 0),
        held=np.full(count, -1),
        wanted=np.full(count, -1),
        finish=np.full(count, np.nan),
        first=np.full(count, np.nan),
        stops=np.zeros(count, dtype=np.int64),
    )
