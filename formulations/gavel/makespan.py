"""Minimum makespan.

    minimise    max_i  n_i / tput_i                     tput_i = sum_j T_ij X_ij
    subject to  sum_j X_ij <= 1,   sum_i s_i X_ij <= N_j,   X >= 0

As written this is ill-conditioned (steps reach 10^8): solvers return values far from the truth and call them "optimal" or
"optimal_inaccurate". The engine solves its normal form  maximise min_i tput_i / n_i,  one linear program, and reports the
reciprocal. Gavel bisects to 5 % instead and hides jobs shorter than 100 s. The optimum is a lower bound on every preemptive
schedule of the jobs present now: averaging a schedule of length M over [0, M] gives a feasible X.

``agnostic`` takes every rate as on the reference accelerator (``reference_accelerator``; by default the one that is
fastest on average). n (J,) steps left; T (J, R) steps/s; value in seconds; a job without steps left is done.
Reference: Narayanan et al., OSDI 2020, section 4.2; Gavel's min_total_duration and min_total_duration_perf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gavelopt as go
from formulations.gavel.agnostic import check_agnostic, rates_as_on


@dataclass(frozen=True)
class Makespan(go.Policy):
    """Minimise the time by which all jobs are done, in seconds."""

    name = "makespan"
    sense = "min"
    summary = "minimise the time until the last job is done"
    reference = "Gavel, OSDI 2020, section 4.2"

    agnostic: bool = False
    reference_accelerator: str | None = None

    def __post_init__(self) -> None:
        check_agnostic(self, self.agnostic, self.reference_accelerator)

    def objective(self, view: go.View) -> Any:
        return view.largest(view.steps / view.rate)

    def assumed_rates(self, instance: go.Instance) -> go.FloatArray | None:
        return rates_as_on(instance, self.reference_accelerator) if self.agnostic else None

    def unit(self, instance: go.Instance) -> str:
        return "s"
