"""Fluid ("ideal") mode: X is granted directly, as fractions of every moment, until the next arrival or completion.

Between two events  d n_i / dt = - sum_j T_ij X_ij.  Gangs need no hole and types no rounds, so that for jobs present at time
0 under policy "makespan" the replay ends at the linear program's optimum exactly.
"""

from __future__ import annotations

import numpy as np

from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.instance import Instance
from gavelopt.replay.granting import Grant, Granting, Progress
from gavelopt.replay.log import Log
from gavelopt.replay.queueing import Outcome

DONE = 1e-9  # part of its steps below which a job is done
NOTHING = 1e-9  # fractions of time below it are a solver's rounding


def replay_fluid(instance: Instance, granting: Granting, min_resolve_s: float) -> Outcome:
    """Run to the end. With ``min_resolve_s`` arrivals wait that long for their first share; completions always re-solve."""
    jobs, steps = instance.jobs, instance.jobs.steps
    assert steps is not None
    finish = np.where(steps == 0, jobs.arrival_s, np.nan)
    start = finish.copy()
    progress = Progress.start(instance)
    order = np.lexsort([np.arange(len(jobs)), jobs.arrival_s])
    order = order[granting.able[order]]
    pieces: list[dict[str, FloatArray]] = []
    promised = np.zeros((len(jobs), len(instance.cluster)))
    coming, active, now = 0, np.zeros(0, dtype=np.int64), 0.0
    while coming < len(order) or len(active):
        if not len(active):
            now = max(now, float(jobs.arrival_s[order[coming]]))
        entered = coming
        while coming < len(order) and jobs.arrival_s[order[coming]] <= now:
            coming += 1
        active = np.concatenate([active, order[entered:coming]])
        grant = granting.ask(now, np.sort(active), progress)
        rate = rates_of(grant, len(jobs))
        ahead = _next(now, rate, progress, jobs.arrival_s, order, coming, min_resolve_s)
        if not np.isfinite(ahead):
            break  # nothing present can run and nobody comes
        passed = ahead - now
        pieces.append(_segments(grant, jobs.scale_factor, now, ahead))
        np.add.at(promised, grant.members[:, 0], grant.time * passed)
        paired = grant.members[:, 1] >= 0
        np.add.at(promised, grant.members[paired, 1], grant.time[paired] * passed)
        running = active[rate[active] > 0]
        start[running] = np.where(np.isnan(start[running]), now, start[running])
        made = np.minimum(rate * passed, progress.left)
        progress.advance(grant, made)
        now = ahead
        ended = active[(progress.left[active] <= DONE * steps[active]) & (rate[active] > 0)]
        finish[ended], progress.left[ended] = now, 0.0
        active = np.setdiff1d(active, ended)
    log = (
        Log.of(**{name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]})
        if pieces
        else _empty()
    )
    further = {
        "promised_s": promised,
        "received_s": promised.copy(),
        "solves": granting.solves,
        "solve_s": granting.seconds,
    }
    return Outcome(finish, start, np.zeros(len(jobs), dtype=np.int64), log, further)


def rates_of(grant: Grant, jobs: int) -> FloatArray:
    """(J,) steps/s of every job of the trace under ``grant``."""
    rate = np.zeros(jobs)
    made = np.einsum("cr,crm->cm", grant.time, grant.rates)
    np.add.at(rate, grant.members[:, 0], made[:, 0])
    paired = grant.members[:, 1] >= 0
    np.add.at(rate, grant.members[paired, 1], made[paired, 1])
    return rate


def _next(
    now: float, rate: FloatArray, progress: Progress, arrival: FloatArray, order: IntArray, coming: int, pause: float
) -> float:
    """The next completion, or arrival (not before ``pause`` seconds have passed)."""
    moving = rate > 0
    ahead = now + float((progress.left[moving] / rate[moving]).min(initial=np.inf))
    if coming < len(order):
        ahead = min(ahead, max(float(arrival[order[coming]]), now + pause))
    return ahead


def _segments(grant: Grant, scale: IntArray, start: float, end: float) -> dict[str, FloatArray]:
    """The columns of the log for one interval; a pair gives a segment to each of its members."""
    found = []
    for side in (0, 1):
        row, kind = np.nonzero((grant.time > NOTHING) & (grant.members[:, side] >= 0)[:, None])
        share = grant.time[row, kind]
        found.append(
            np.column_stack(
                [
                    grant.members[row, side],
                    kind,
                    scale[grant.members[row, side]],
                    grant.members[row, 1 - side],
                    np.full(len(row), start),
                    np.full(len(row), end),
                    share,
                    grant.rates[row, kind, side] * share * (end - start),
                ]
            )
        )
    columns = np.vstack(found).T
    return dict(
        zip(("job", "accelerator", "gang", "partner", "start_s", "end_s", "share", "steps"), columns, strict=True)
    )


def _empty() -> Log:
    names = ("job", "accelerator", "start_s", "end_s", "steps")
    return Log.of(**{name: np.zeros(0) for name in names})
