"""Least attained service, and Tiresias' discretised form of it.

    g_i = s_i x (time held so far)              accelerator-seconds
    las        serve by  floor(g_i / quantum_s),  then by arrival
    tiresias   serve by  the number of thresholds_s at most g_i,  then by arrival

s_i (J,) scale factor. Needs no knowledge of durations: new jobs start at the front, long ones sink. A job is moved only when
it crosses a level, which keeps interruptions few; as quantum_s falls to 0 las becomes equal sharing of the least served.

What differs from the paper: Tiresias promotes a job that has starved for a while, and its two-dimensional Gittins index uses
the distribution of durations; here neither. The default thresholds are ours. Reference: Gu et al., NSDI 2019 (2D-LAS).
"""

from __future__ import annotations

from dataclasses import dataclass

import gavelopt as go


@dataclass(frozen=True)
class LeastAttainedService(go.Discipline):
    """The job that has had the fewest accelerator-seconds first, in steps of quantum_s."""

    name = "las"
    summary = "least attained service, in steps of quantum_s accelerator-seconds"
    reference = "Tiresias, NSDI 2019"
    key = "attained"
    preemptive = True

    quantum_s: float = 3600.0


@dataclass(frozen=True)
class Tiresias(go.Discipline):
    """A few queues; a job falls into the next one when it has had thresholds_s accelerator-seconds."""

    name = "tiresias"
    summary = "least attained service over a few queues (discretised 2D-LAS)"
    reference = "Tiresias, NSDI 2019"
    key = "attained"
    preemptive = True

    thresholds_s: tuple[float, ...] = (3600.0, 18000.0)
