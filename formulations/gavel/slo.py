"""Service-level objectives as rate floors: job i must be done by its deadline, so  tput_i >= n_i / (seconds left)."""

from __future__ import annotations

import numpy as np

import gavelopt as go

SLO = str | tuple[str, ...] | None


def check_slo(policy: str, slo: SLO) -> None:
    """Raise InputError unless ``slo`` is None, "require" or a tuple of job names."""
    if slo is None or slo == "require" or (isinstance(slo, tuple) and all(isinstance(name, str) for name in slo)):
        return
    raise go.InputError(
        f"option 'slo' of policy {policy!r} out of range",
        seen=repr(slo),
        rule="None (deadlines do not count), 'require' (all of them hold), or a tuple of the jobs whose deadlines hold",
    )


def slo_floors(view: go.View, slo: SLO) -> list[go.RateFloor]:
    """The floors of all jobs with deadlines, or of the jobs named."""
    jobs = view.instance.jobs
    if slo is None:
        return []
    deadline = view.deadline_s
    counted = np.isfinite(deadline)
    if isinstance(slo, tuple):
        named = np.zeros(len(jobs), dtype=bool)
        named[[jobs.names.index(name) for name in slo]] = True
        for position in np.flatnonzero(named & ~counted):
            raise go.InputError(
                "a job named in slo has no deadline",
                where=f"job {jobs.names[int(position)]!r}",
                fix="give it deadline_s or leave it out of slo",
            )
        counted = named
    if not counted.any():
        return []
    steps = _steps(jobs, counted)
    return [go.RateFloor("deadlines", np.where(counted, steps / np.where(counted, deadline, 1.0), 0.0))]


def _steps(jobs: go.JobSet, counted: np.ndarray) -> go.FloatArray:
    steps = np.full(len(jobs), np.nan) if jobs.steps is None else jobs.steps
    for position in np.flatnonzero(counted & np.isnan(steps)):
        raise go.InputError(
            "a job with a deadline needs its steps",
            where=f"job {jobs.names[int(position)]!r}",
            seen="unknown",
            fix="give steps",
        )
    return np.nan_to_num(steps)
