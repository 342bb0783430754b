"""Max-min fairness (least attained service).

    maximise    min_i  s_i tput_i / (w_i prop_i)        tput_i = sum_j T_ij X_ij,  prop_i = sum_j T_ij N_j / sum_j N_j
    subject to  sum_j X_ij <= 1,   sum_i s_i X_ij <= N_j,   X >= 0

The weight divides, so a job of weight 5 must get five times as much; the scale factor multiplies, so gangs count
accelerator time. Solved as one linear program with an epigraph variable. ``agnostic`` takes every rate as 1, a scheduler
that does not know its accelerators differ: max min_i s_i / w_i sum_j X_ij.

T (J, R) steps/s of the whole gang; X (J, R) fractions of time; s (J,) scale factors; w (J,) weights; N (R,) accelerators.
Reference: Narayanan et al., OSDI 2020, section 4.1 and appendix; Gavel's max_min_fairness and max_min_fairness_perf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go
from formulations.gavel.agnostic import check_agnostic
from formulations.gavel.normalize import CHOICES, reference_rate


@dataclass(frozen=True)
class MaxMin(go.Policy):
    """Maximise the smallest normalised throughput. agnostic: take every rate as 1; normalize: as in max_sum."""

    name = "max_min"
    summary = "maximise the smallest weighted, normalised throughput (LAS)"
    reference = "Gavel, OSDI 2020, section 4.1"

    agnostic: bool = False
    normalize: str | None = "proportional"

    def __post_init__(self) -> None:
        check_agnostic(self, self.agnostic)
        go.choice(self.name, "normalize", self.normalize, CHOICES)

    def objective(self, view: go.View) -> Any:
        return view.smallest(view.scale_factor * view.rate / (view.weight * reference_rate(view, self.normalize)))

    def assumed_rates(self, instance: go.Instance) -> go.FloatArray | None:
        return np.ones(instance.rates.shape) if self.agnostic else None

    def unit(self, instance: go.Instance) -> str:
        if self.agnostic:
            return "time share x accelerators / weight"
        return "normalised throughput" if self.normalize else instance.throughputs.unit
