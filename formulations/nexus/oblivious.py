"""Batch-oblivious baseline: nobody shares.

    GPUs of session k  =  ceil(R_k / T_k)        each with its best batch B_k and d = l(B_k)

What a scheduler gets that sizes every model by its own throughput. With several types: the first phase as it is, and the
residual on one more GPU of the cheapest type that has room.
"""

from __future__ import annotations

import numpy as np

import gavelopt as go
from formulations.nexus.residuals import Bin, plan_of, residuals_of


def batch_oblivious(problem: go.Problem) -> go.Answer:
    """A GPU of its own for every residual."""
    phase, residuals = residuals_of(problem)
    instance, room = residuals.instance, residuals.room.copy()
    bins: list[Bin] = []
    for k, session in enumerate(residuals.members):
        fitting = [t for t in np.flatnonzero(room > 0) if instance.peak_rps[session, t] * 1e6 >= residuals.rate[k]]
        if not fitting:
            raise go.SolverError(f"no GPU of its own left for session {instance.sessions.names[int(session)]!r}")
        t = min(fitting, key=lambda t: int(residuals.price[t]))
        room[t] -= 1
        bins.append((int(t), int(instance.best_latency_us[session, t]), (k,)))
    return go.Answer(np.zeros(0), plan=plan_of(phase, residuals, bins))
