"""Finish-time fairness (Themis).

    minimise    max_i rho_i,    rho_i = (t_i + n_i / tput_i) / (C_i + n_i / iso_i)          tput_i = sum_j T_ij X_ij
    subject to  sum_j X_ij <= 1,   sum_i s_i X_ij <= N_j,   X >= 0

rho_i compares when job i will be done with when it would be done on an isolated 1/J share: t_i seconds since it arrived,
n_i steps left, iso_i its rate on the isolated share, C_i the seconds its work so far would have taken there.

u_i = 1 / rho_i = (C_i + n_i / iso_i) r / (n_i + t_i r) is concave in the rate r, so the program is  maximise min_i u_i:
one linear program when all jobs are new (t_i = 0), otherwise a few (Newton on the level; Gavel uses a conic solver). For
new jobs the isolated share is feasible, hence rho <= 1.

``weighted`` divides each rate by its job's weight; Gavel does so when packed and not when unpacked, we do as asked.
``agnostic`` takes every rate as on one accelerator; Gavel's own name ``finish_time_fairness`` means that, and its
``finish_time_fairness_perf`` means ``ftf``. Gavel accumulates C_i inside the policy from call to call; here it is
the job's ``isolated_elapsed_s``. T (J, R) steps/s; n (J,) steps; t, C (J,) seconds; the value has no unit.
Reference: Mahajan et al., NSDI 2020; Narayanan et al., OSDI 2020, section 4.2; Gavel's finish_time_fairness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go
from formulations.gavel.agnostic import check_agnostic, rates_as_on


@dataclass(frozen=True)
class FinishTimeFairness(go.Policy):
    """Minimise the largest ratio of a job's finish time to its finish time on an isolated share."""

    name = "ftf"
    sense = "min"
    summary = "minimise the largest finish time relative to an isolated share"
    reference = "Themis, NSDI 2020; Gavel, OSDI 2020, section 4.2"

    weighted: bool = False
    agnostic: bool = False
    reference_accelerator: str | None = None

    def __post_init__(self) -> None:
        go.choice(self.name, "weighted", self.weighted, (True, False))
        check_agnostic(self, self.agnostic, self.reference_accelerator)

    def objective(self, view: go.View) -> Any:
        weight = view.weight if self.weighted else 1.0
        isolated = view.isolated_elapsed_s + view.steps / view.isolated_rate
        return view.largest((view.elapsed_s + view.steps / (view.rate / weight)) / _positive(isolated))

    def assumed_rates(self, instance: go.Instance) -> go.FloatArray | None:
        return rates_as_on(instance, self.reference_accelerator) if self.agnostic else None

    def unit(self, instance: go.Instance) -> str:
        return "finish time / isolated finish time"


def _positive(seconds: go.FloatArray) -> go.FloatArray:
    """Isolated finish times; a job without any work, done or left, counts as one second so that its ratio is defined."""
    return np.where(seconds > 0.0, seconds, 1.0)
