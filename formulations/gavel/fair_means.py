"""Proportional fairness, and the whole range between throughput and max-min.

    proportional fairness   maximise  sum_i w_i log tput_i
    power mean, p <= 1      maximise  (sum_i v_i u_i^p)^(1/p),   u_i = s_i tput_i / ref_i,   v_i = w_i / sum w
                            p = 1 the mean, 0 the geometric mean, -1 the harmonic mean, -inf the smallest u_i (max-min)
    subject to              sum_j X_ij <= 1,   sum_i s_i X_ij <= N_j,   X >= 0

tput_i = sum_j T_ij X_ij. One knob p says how much throughput to give up for fairness; p = -1 is Pollux's FITNESS_p.
Reference: Kelly 1998 (proportional fairness); Mo and Walrand 2000 (alpha-fairness); Qiao et al., OSDI 2021, section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go
from formulations.gavel.normalize import CHOICES, reference_rate

LOWEST = -100.0  # powers of rates further apart than this leave the range of floating-point numbers


@dataclass(frozen=True)
class ProportionalFairness(go.Policy):
    """Maximise the weighted sum of log throughputs (Nash welfare); a job that can run nowhere makes it infeasible."""

    name = "proportional_fairness"
    summary = "maximise the weighted sum of log throughputs (Nash welfare)"
    reference = "Kelly 1998"

    def objective(self, view: go.View) -> Any:
        return view.log_total(view.rate, view.weight)

    def unit(self, instance: go.Instance) -> str:
        return f"sum of w log({instance.throughputs.unit})"


@dataclass(frozen=True)
class PowerMean(go.Policy):
    """Maximise the weighted power mean of normalised throughputs. p <= 1; normalize: as in max_sum."""

    name = "power_mean"
    summary = "maximise the power mean of normalised throughputs, p <= 1"
    reference = "Mo and Walrand 2000; Pollux, OSDI 2021, section 4.2"

    p: float = -1.0
    normalize: str | None = "proportional"

    def __post_init__(self) -> None:
        number = isinstance(self.p, (int, float)) and not isinstance(self.p, bool)
        if not number or not (LOWEST <= self.p <= 1 or self.p == -np.inf):
            raise go.InputError(
                "option 'p' of policy 'power_mean' out of range",
                seen=repr(self.p),
                rule=f"a number from {LOWEST:g} to 1, or -inf (max-min, which lower ones come close to)",
            )
        go.choice(self.name, "normalize", self.normalize, CHOICES)

    def objective(self, view: go.View) -> Any:
        return view.power_mean(
            view.scale_factor * view.rate / reference_rate(view, self.normalize), self.p, view.weight
        )

    def unit(self, instance: go.Instance) -> str:
        return "normalised throughput" if self.normalize else instance.throughputs.unit
