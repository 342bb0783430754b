"""Priority scheduling, interrupting.

    at every event the jobs with the largest w_i run; ties by arrival

w_i (J,) priority weight. A job of a low weight waits as long as heavier ones keep coming (starvation). The lecture's example:
weights 3, 1, 2, 4 on two GPUs and jobs (30 s, 0) (10 s, 0) (25 s, 1) (40 s, 4): completion times 30, 53, 51, 40.
"""

from __future__ import annotations

from dataclasses import dataclass

import gavelopt as go


@dataclass(frozen=True)
class Priority(go.Discipline):
    """The largest weight first, interrupting lighter jobs."""

    name = "priority"
    summary = "largest weight first, interrupting"
    key = "weight"
    preemptive = True
