"""Fluid ("ideal") mode: X is granted directly, as fractions of every moment, until the next arrival or completion.

Between two events  d n_i / dt = - sum_j T_ij X_ij.  Gangs need no hole and types no rounds, so that for jobs present at time
0 under policy "makespan" the replay ends at the linear program's optimum exactly.
"""

from __future__ import annotations

import numpy as np

from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.instance import Instance
from gavelopt.replay.arrivals import Arrivals
from gavelopt.replay.granting import Grant, Granting, Progress
from gavelopt.replay.log import Log
from gavelopt.replay.queueing import Outcome

DONE = 1e-9  # part of its steps below which a job is done
NOTHING = 1e-9  # fractions of time below it are a solver's rounding


def replay_fluid(instance: Instance, granting: Granting, min_resolve_s: float) -> Outcome:
    """Run to the end. With ``min_resolve_s`` arrivals wait that long for their first share; completions always re-solve."""
    run = _Fluid(instance, granting)
    while run.interval(min_resolve_s):
        pass
    return run.outcome()


class _Fluid:
    """What changes from one interval between two events to the next."""

    def __init__(self, instance: Instance, granting: Granting) -> None:
        steps = instance.jobs.steps
        assert steps is not None
        self.jobs, self.steps, self.granting = instance.jobs, steps, granting
        self.finish = np.where(steps == 0, instance.jobs.arrival_s, np.nan)
        self.start = self.finish.copy()
        self.progress = Progress.start(instance)
        self.arrivals = Arrivals.of(instance.jobs.arrival_s, granting.able)
        self.active, self.now = np.zeros(0, dtype=np.int64), 0.0
        self.promised = np.zeros((len(steps), len(instance.cluster)))
        self.pieces: list[dict[str, FloatArray]] = []

    def interval(self, pause: float) -> bool:
        """From now to the next event; False at the end, or where nothing present can run and nobody comes."""
        if not len(self.active):
            if np.isinf(self.arrivals.next_s):
                return False
            self.now = max(self.now, self.arrivals.next_s)
        self.active = np.union1d(self.active, self.arrivals.enter(self.now))
        grant = self.granting.ask(self.now, self.active, self.progress)
        rate, left = rates_of(grant, len(self.steps)), self.progress.left
        moving = rate > 0
        done = self.now + float((left[moving] / rate[moving]).min(initial=np.inf))
        ahead = min(done, max(self.arrivals.next_s, self.now + pause))
        if np.isinf(ahead):
            return False
        self._book(grant, ahead)
        running = self.active[moving[self.active]]
        self.start[running] = np.where(np.isnan(self.start[running]), self.now, self.start[running])
        self.progress.advance(grant, np.minimum(rate * (ahead - self.now), left))
        self.now = ahead
        close = np.maximum(DONE * self.steps, rate * 4 * np.spacing(ahead))  # what is closer is no later moment
        ended = running[self.progress.left[running] <= close[running]]
        self.finish[ended], self.progress.left[ended] = ahead, 0.0
        self.active = np.setdiff1d(self.active, ended)
        return True

    def _book(self, grant: Grant, ahead: float) -> None:
        """The log up to ``ahead``, and what was promised, which is what is received."""
        self.pieces.append(_segments(grant, self.jobs.scale_factor, self.now, ahead))
        for side in (0, 1):
            there = grant.members[:, side] >= 0
            np.add.at(self.promised, grant.members[there, side], grant.time[there] * (ahead - self.now))

    def outcome(self) -> Outcome:
        """What the replay leaves."""
        log = (
            Log.of(**{name: np.concatenate([piece[name] for piece in self.pieces]) for name in self.pieces[0]})
            if self.pieces
            else _empty()
        )
        further = {"promised_s": self.promised, "received_s": self.promised.copy(), **self.granting.counted}
        return Outcome(self.finish, self.start, np.zeros(len(self.steps), dtype=np.int64), log, further)


def rates_of(grant: Grant, jobs: int) -> FloatArray:
    """(J,) steps/s of every job of the trace under ``grant``."""
    rate = np.zeros(jobs)
    made = np.einsum("cr,crm->cm", grant.time, grant.rates)
    np.add.at(rate, grant.members[:, 0], made[:, 0])
    paired = grant.members[:, 1] >= 0
    np.add.at(rate, grant.members[paired, 1], made[paired, 1])
    return rate


def _segments(grant: Grant, scale: IntArray, start: float, end: float) -> dict[str, FloatArray]:
    """The columns of the log for one interval; a pair gives a segment to each of its members."""
    names = ("job", "accelerator", "gang", "partner", "start_s", "end_s", "share", "steps")
    found = []
    for side in (0, 1):
        row, kind = np.nonzero((grant.time > NOTHING) & (grant.members[:, side] >= 0)[:, None])
        job, mate, share = grant.members[row, side], grant.members[row, 1 - side], grant.time[row, kind]
        when = (np.full(len(row), start), np.full(len(row), end))
        made = grant.rates[row, kind, side] * share * (end - start)
        found.append(np.column_stack([job, kind, scale[job], mate, *when, share, made]))
    return dict(zip(names, np.vstack(found).T, strict=True))


def _empty() -> Log:
    names = ("job", "accelerator", "start_s", "end_s", "steps")
    return Log.of(**{name: np.zeros(0) for name in names})
