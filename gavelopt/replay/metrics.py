"""What follows from a replay's log: utilisation, fairness, deadlines, figures, one row a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.model.arrays import FloatArray
from gavelopt.model.instance import Instance

if TYPE_CHECKING:
    import pandas as pd

    from gavelopt.replay.result import Replay
    from gavelopt.replay.timeline import Timeline


def ideal_seconds(instance: Instance) -> FloatArray:
    """(J,) steps / fastest rate: no schedule is faster."""
    steps = instance.jobs.steps
    assert steps is not None
    best = instance.rates.max(axis=1, initial=0.0)
    seconds = np.divide(steps, best, out=np.full(len(steps), np.inf), where=best > 0)
    return np.where(steps == 0, 0.0, seconds)


def finish_time_fairness(replay: Replay) -> FloatArray:
    """(J,) JCT_i / (n_i / iso_i), iso_i = sum_j T_ij N_j / (N s_i), N the mean number of jobs present.

    N is averaged over the job's own stay; the isolated share is cut to all of the job's time as in the policies. At least 1
    job, itself, is present.
    """
    jobs, instance = replay.instance.jobs, replay.instance
    assert jobs.steps is not None
    present = mean_present(jobs.arrival_s, replay.finish_s)
    share = instance.cluster.count[None, :] / (np.maximum(present, 1.0) * jobs.scale_factor)[:, None]
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    iso = np.einsum("jr,jr->j", instance.rates, share)
    alone = np.divide(jobs.steps, iso, out=np.full(len(jobs), np.nan), where=iso > 0)
    return np.asarray(np.divide(replay.jct_s, alone, out=np.full(len(jobs), np.nan), where=alone > 0))


def mean_present(arrival: FloatArray, finish: FloatArray) -> FloatArray:
    """(J,) mean number of jobs present while each job is there; NaN for one that never finished (it stays for ever)."""
    gone = finish[~np.isnan(finish)]
    time = np.concatenate([arrival, gone])
    order = np.argsort(time, kind="stable")
    time = time[order]
    present = np.cumsum(np.concatenate([np.ones(len(arrival)), -np.ones(len(gone))])[order])
    area = np.concatenate([[0.0], np.cumsum(present[:-1] * np.diff(time))]) if len(time) else np.zeros(1)
    inside = np.interp(finish, time, area) - np.interp(arrival, time, area) if len(time) else finish
    stay = finish - arrival
    return np.divide(inside, stay, out=np.where(np.isnan(finish), np.nan, 1.0), where=stay > 0)


def usage_over_time(replay: Timeline, bins: int) -> tuple[FloatArray, FloatArray]:
    """(edges (bins + 1,), share in use (bins, R)): exact means over each bin, from the integral of what is held."""
    log, count = replay.log, replay.cluster.count
    start = float(replay.arrival_s.min(initial=np.inf))
    end = float(log.end_s.max(initial=start))
    if not np.isfinite(start) or end <= start:
        return np.zeros(bins + 1), np.full((bins, len(count)), np.nan)
    edges = np.linspace(start, end, bins + 1)
    share = np.full((bins, len(count)), np.nan)
    for kind in np.flatnonzero(count > 0):
        mine = log.accelerator == kind
        held = _integral(log.start_s[mine], log.end_s[mine], log.accelerators_held[mine], edges)
        share[:, kind] = np.diff(held) / np.diff(edges) / count[kind]
    return edges, share


def _integral(start: FloatArray, end: FloatArray, height: FloatArray, at: FloatArray) -> FloatArray:
    """Area, up to each time of ``at``, under the sum of steps of ``height`` from ``start`` to ``end``."""
    time = np.concatenate([start, end])
    if not len(time):
        return np.zeros(len(at))
    order = np.argsort(time, kind="stable")
    level = np.cumsum(np.concatenate([height, -height])[order])
    time = time[order]
    area = np.concatenate([[0.0], np.cumsum(level[:-1] * np.diff(time))])
    return np.asarray(np.interp(at, time, area))


def late(replay: Replay) -> Any:
    """(J,) deadline before the finish; a job that never finished is late if it has a deadline."""
    deadline = replay.instance.jobs.deadline_s
    if deadline is None:
        return np.zeros(len(replay.finish_s), dtype=bool)
    slack = 1e-9 * np.maximum(1.0, np.nan_to_num(deadline))
    return ~np.isnan(deadline) & ~(replay.finish_s <= deadline + slack)


def timeline_summary(replay: Timeline) -> dict[str, Any]:
    """The figures that every replay of jobs has; NaN where there is nothing to take them of."""
    p50, p90, p99 = (float(value) for value in replay.percentile([50, 90, 99]))
    done = replay.finished
    return {
        "scheduler": replay.scheduler,
        "mode": replay.mode,
        "jobs": len(done),
        "finished": int(done.sum()),
        "mean_jct_s": replay.mean_jct_s,
        "p50_jct_s": p50,
        "p90_jct_s": p90,
        "p99_jct_s": p99,
        "mean_queueing_s": float(replay.queueing_s[done].mean()) if done.any() else float("nan"),
        "makespan_s": replay.makespan_s,
        "preemptions": int(replay.preemptions.sum()),
        "utilization": dict(zip(replay.cluster.accelerators, replay.utilization.tolist(), strict=True)),
        "cost": replay.cost,
        "solves": replay.solves,
        "solve_s": replay.solve_s,
        "seconds": replay.seconds,
    }


def summary(replay: Replay) -> dict[str, Any]:
    """The same, and what only rigid training jobs have."""
    rho = replay.rho[replay.finished & ~np.isnan(replay.rho)]
    return timeline_summary(replay) | {
        "mean_rho": float(rho.mean()) if len(rho) else float("nan"),
        "worst_rho": float(rho.max()) if len(rho) else float("nan"),
        "slo_violations": replay.slo_violations,
        "leases_kept": replay.kept / replay.renewable if replay.renewable else None,
    }


def job_frame(replay: Timeline) -> pd.DataFrame:
    """One row a job: times, JCT, queueing delay, preemptions, seconds on each type."""
    import pandas as pd

    log = replay.log
    frame = pd.DataFrame(
        {
            "arrival_s": replay.arrival_s,
            "start_s": replay.start_s,
            "finish_s": replay.finish_s,
            "jct_s": replay.jct_s,
            "queueing_s": replay.queueing_s,
            "preemptions": replay.preemptions,
        },
        index=pd.Index(list(replay.names), name="job"),
    )
    for kind, name in enumerate(replay.cluster.accelerators):
        mine = log.accelerator == kind
        frame[f"{name}_s"] = np.bincount(log.job[mine], weights=log.held_s[mine], minlength=len(frame))
    return frame
