"""Queue disciplines replayed event by event: the rules stand in ``discipline.py``, the loop in ``queue_kernel.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.instance import Instance
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
    order = np.lexsort([np.arange(len(jobs)), jobs.arrival_s])
    trace = kernel.Trace(
        np.ascontiguousarray(rates),
        jobs.scale_factor.copy(),
        jobs.steps.copy(),
        jobs.arrival_s.copy(),
        jobs.weight.copy(),
        whole_accelerators(instance),
    )
    rule = kernel.Rule(
        KEYS.index(chosen.key),
        chosen.preemptive,
        bool(chosen.option("backfill", False)),
        float(restart_s),
        float(chosen.option("quantum_s", 3600.0)),
        np.array(chosen.option("thresholds_s", ()), dtype=np.float64),
    )
    state = _new_state(instance, rates)
    rows = kernel.run_queue(order[able[order]], trace, rule, state) if able.any() else np.empty((0, kernel.FIELDS))
    done_at_once = jobs.steps == 0
    finish = np.where(done_at_once, jobs.arrival_s, state.finish)
    columns = dict(zip(("job", "accelerator", "start_s", "end_s", "steps", "restart_s"), rows.T, strict=True))
    log = Log.of(**columns, gang=jobs.scale_factor[rows[:, 0].astype(np.int64)])
    return Outcome(
        finish,
        np.where(done_at_once, jobs.arrival_s, state.first),
        state.stops,
        log,
        {"passing": rule.preemptive or rule.backfill},
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
