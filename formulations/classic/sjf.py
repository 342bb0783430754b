"""Shortest job first, and shortest remaining time first.

    sjf    whenever accelerators are free, the waiting job with the least  n_i / max_j T_ij  starts and stays
    srtf   at every event the jobs with the least  n_i(t) / max_j T_ij  run; others are interrupted

n_i (J,) steps of the job, n_i(t) those left; T (J, R) steps/s of the whole gang. Both need to know how long jobs take. On
one machine srtf has the least mean completion time of all schedules; with gangs or several types it is a rule of thumb.

The lecture's "SJF" table (39, 10, 25, 62 on two GPUs and jobs (30 s, 0) (10 s, 0) (25 s, 1) (40 s, 4)) interrupts: at 1 s
the third job (25 s) takes the place of the first (29 s left). That is srtf here. The last job is done at 66
s, as the notes' summary says; one line of theirs says 64.
"""

from __future__ import annotations

from dataclasses import dataclass

import gavelopt as go


@dataclass(frozen=True)
class ShortestJobFirst(go.Discipline):
    """The shortest waiting job starts, never interrupted. backfill: the next shortest that fits may pass."""

    name = "sjf"
    summary = "shortest job first, not interrupted"
    key = "size"

    backfill: bool = False


@dataclass(frozen=True)
class ShortestRemainingTimeFirst(go.Discipline):
    """The jobs with the least time left run, others are interrupted."""

    name = "srtf"
    summary = "shortest remaining time first, interrupting"
    key = "remaining"
    preemptive = True


sjf_backfill = ShortestJobFirst(backfill=True)
