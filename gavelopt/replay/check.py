"""Is a replay possible, and is it what its scheduler promises? numpy only, from the log, without trust in the engine."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gavelopt.model.arrays import FloatArray
from gavelopt.model.constraints import Check
from gavelopt.replay.elastic import ElasticReplay
from gavelopt.replay.queueing import runnable, whole_accelerators
from gavelopt.replay.result import Replay
from gavelopt.replay.timeline import Timeline

SLACK = 1e-6  # relative to the largest figure of its kind


def check_replay(replay: Timeline, *, bound_s: float | None = None) -> tuple[Check, ...]:
    """Named checks of a replay; ``all(check.passed for check in check_replay(r))``.

    capacity     at no time are more accelerators of a type (elastic: of a node) held than there are
    one life     no job holds two types at once (in fluid mode: no more than all of its time)
    gangs whole  a job only runs with its whole gang where that fits and its rate is known
    arrival      no job starts before it arrives
    steps        the steps of a job's segments add up to its steps, and no segment makes more than its time allows
    ideal time   no job is done sooner than alone where it runs fastest
    finish       a job is done when its last segment ends
    conserving   nobody waits while it fits: at no time under disciplines (where nobody passes, only the head of the queue
                 counts), at the start of no round under policies
    makespan     for jobs that are all present at time 0: not below ``bound_s``, the optimum of policy "makespan"

    Args:
        replay: the replay of training or of elastic jobs.
        bound_s: lower bound on the makespan in seconds, to be checked where every job arrives at the same time.
    """
    checks = [_capacity(replay), _one_life(replay), _arrival(replay), _steps(replay), _ideal(replay), _finish(replay)]
    if isinstance(replay, Replay):
        checks += [_gangs(replay), _pace(replay)]
    if isinstance(replay, ElasticReplay):
        checks.append(_nodes(replay))
    if isinstance(replay, Replay) and replay.mode != "fluid":
        checks.append(_conserving(replay))
    if bound_s is not None and len(replay.arrival_s) and np.ptp(replay.arrival_s) == 0:
        short = max(0.0, bound_s - replay.makespan_s) / max(1.0, bound_s)
        checks.append(Check("makespan not below its bound", short, SLACK))
    return tuple(checks)


def _capacity(replay: Timeline) -> Check:
    """Accelerators of each type held at once, the joint ones of a pair once."""
    log, count = replay.log, replay.cluster.count
    if replay.mode != "fluid":
        count = np.floor(count + 1e-9)
    worst, where = 0.0, None
    for kind, name in enumerate(replay.cluster.accelerators):
        mine = log.accelerator == kind
        over = _peak(log.start_s[mine], log.end_s[mine], log.accelerators_held[mine]) - count[kind]
        over /= max(1.0, float(count[kind]))
        if over > worst:
            worst, where = over, name
    return Check("nothing held twice", worst, SLACK, where)


def _nodes(replay: ElasticReplay) -> Check:
    """GPUs of each node held at once, and segments whose places are not the GPUs they count."""
    log, instance = replay.log, replay.trace.instance
    miscounted = float(np.abs(replay.places.sum(axis=1) - log.gang).max(initial=0))
    worst, where = miscounted, "a segment" if miscounted else None
    for node, size in enumerate(instance.node_gpus.tolist()):
        held = replay.places[:, node].astype(np.float64)
        over = _peak(log.start_s, log.end_s, held) - size
        if over > worst:
            worst, where = over, instance.node_names[node]
    return Check("no node overfull", worst, SLACK, where)


def _one_life(replay: Timeline) -> Check:
    """All of a job's segments together take no more than the time that passes."""
    log = replay.log
    order = np.lexsort([log.end_s, log.start_s, log.job])
    job, start, end, share = log.job[order], log.start_s[order], log.end_s[order], log.share[order]
    if replay.mode == "fluid":
        moment = np.unique(np.column_stack([job, start]), axis=0, return_inverse=True)[1].ravel()
        together = np.bincount(moment, weights=share) if len(job) else np.zeros(0)
        over = together - 1.0
        return _worst("one life", np.maximum(over, 0.0)[moment] if len(job) else over, job, replay)
    early = np.maximum(end[:-1] - start[1:], 0.0) * (job[1:] == job[:-1])
    return _worst("one life", early / np.maximum(1.0, end[:-1]), job[:-1], replay)


def _gangs(replay: Replay) -> Check:
    """Segments on types where the job's gang does not fit whole or whose rate is unknown or 0, and gangs in part."""
    log, scale = replay.log, replay.instance.jobs.scale_factor
    wrong = (runnable(replay.instance)[0][log.job, log.accelerator] <= 0) | (log.gang != scale[log.job])
    return _worst("gangs whole", wrong * 1.0, log.job, replay)


def _arrival(replay: Timeline) -> Check:
    arrival = replay.arrival_s[replay.log.job]
    early = np.maximum(arrival - replay.log.start_s, 0.0) / np.maximum(1.0, arrival)
    return _worst("no job before its arrival", early, replay.log.job, replay)


def _steps(replay: Timeline) -> Check:
    """What segments made adds up to the job's steps."""
    made = np.bincount(replay.log.job, weights=replay.log.steps, minlength=len(replay.work))
    off = made - replay.work
    off = np.where(replay.finished, np.abs(off), np.maximum(off, 0.0)) / np.maximum(1.0, replay.work)
    return _worst("steps add up", off, np.arange(len(off)), replay)


def _pace(replay: Replay) -> Check:
    """Every segment makes what its time allows (sharing only makes a job slower)."""
    log = replay.log
    rates = replay.instance.rates[log.job, log.accelerator]
    possible = (log.held_s - log.restart_s) * rates
    differs = np.where(log.partner < 0, np.abs(log.steps - possible), np.maximum(log.steps - possible, -log.steps))
    # times near the end of a long trace are rounded: allow what a microsecond makes
    differs = np.maximum(differs - 1e-6 * rates, 0.0) / np.maximum(1.0, possible)
    return _worst("steps as time allows", differs, log.job, replay)


def _ideal(replay: Timeline) -> Check:
    """Alone where it is fastest; for a job that shared, no faster mate is assumed: sharing never speeds a job up."""
    possible = np.isfinite(replay.ideal_s)
    ideal = np.where(possible, replay.ideal_s, 1.0)
    short = np.where(possible, np.maximum(ideal - replay.jct_s, 0.0) / np.maximum(1.0, ideal), np.inf)
    every = np.arange(len(short))
    return _worst("not faster than ideal", np.where(replay.finished, short, 0.0), every, replay)


def _finish(replay: Timeline) -> Check:
    last = np.where(replay.work == 0, replay.arrival_s, -np.inf)
    np.maximum.at(last, replay.log.job, replay.log.end_s)
    off = np.where(replay.finished, np.abs(last - replay.finish_s), 0.0) / np.maximum(1.0, np.abs(replay.finish_s))
    off = np.nan_to_num(off, posinf=np.inf)
    return _worst("finish is the end of the last segment", off, np.arange(len(off)), replay)


def _conserving(replay: Replay) -> Check:
    """At every event of the log: does a job wait that has arrived, is not done, and fits into what is free?

    Only the first in the queue counts where a discipline lets nobody pass. The residual is the longest such wait in seconds;
    in rounds, where a job that ends leaves its accelerators idle to the end of the round, waits count at starts only.
    """
    log, jobs = replay.log, replay.instance.jobs
    rates, able = runnable(replay.instance)
    events, starts = np.unique(np.concatenate([log.start_s, log.end_s])), set(log.start_s.tolist())
    worst, who = 0.0, None
    for now, until in itertools.pairwise(events.tolist()):
        if replay.mode == "rounds" and now not in starts:
            continue
        open_ = (log.start_s <= now) & (log.end_s > now)
        free = whole_accelerators(replay.instance).astype(np.float64)
        np.subtract.at(free, log.accelerator[open_], log.accelerators_held[open_])
        waits = able & (jobs.arrival_s <= now) & ~(replay.finish_s <= now)
        waits[log.job[open_]] = False
        fits = waits & ((rates > 0) & (jobs.scale_factor[:, None] <= free[None, :])).any(axis=1)
        if not replay.passing:
            fits &= fits.sum() == waits.sum()  # somebody who does not fit may stand before them
        if fits.any() and until - now > worst:
            worst, who = until - now, jobs.names[int(np.argmax(fits))]
    return Check("work conserving", worst, SLACK * max(1.0, float(events[-1]) if len(events) else 1.0), who)


def _peak(start: FloatArray, end: FloatArray, height: FloatArray) -> float:
    """The largest sum of ``height`` over segments open at once; ends before starts at the same moment."""
    time = np.concatenate([end, start])
    order = np.argsort(time, kind="stable")
    level = np.cumsum(np.concatenate([-height, height])[order])
    return float(level.max(initial=0.0))


def _worst(name: str, residual: Any, job: Any, replay: Timeline) -> Check:
    """The check whose residual is the largest, with the job where it stands."""
    if not len(residual):
        return Check(name, 0.0, SLACK)
    at = int(np.argmax(residual))
    worst = replay.names[int(np.asarray(job)[at])] if residual[at] > SLACK else None
    return Check(name, float(residual[at]), SLACK, worst)
