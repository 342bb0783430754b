"""First come, first served.

    serve jobs in the order of a_i; whoever runs stays until it is done

a_i (J,) arrival, seconds. A gang that does not fit holds up everybody behind it (head-of-line blocking), which the lecture
shows on two GPUs and jobs (30 s, 0) (10 s, 0) (25 s, 1) (40 s, 4): completion times 30, 10, 34, 66.

``backfill`` lets jobs behind the head pass wherever they fit now. It reserves nothing for the head, so a large gang may
wait while small ones pass it again and again (EASY backfilling would give it a reservation; it needs known durations).
"""

from __future__ import annotations

from dataclasses import dataclass

import gavelopt as go


@dataclass(frozen=True)
class FirstComeFirstServed(go.Discipline):
    """In order of arrival, never interrupted. backfill: jobs behind the head may pass it."""

    name = "fcfs"
    summary = "first come, first served"
    key = "arrival"

    backfill: bool = False


fcfs_backfill = FirstComeFirstServed(backfill=True)
