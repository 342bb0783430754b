"""Maximum total throughput.

    maximise    sum_i  k_i tput_i          tput_i = sum_j T_ij X_ij
    subject to  sum_j X_ij <= 1            every job i
                sum_i s_i X_ij <= N_j      every accelerator type j
                X >= 0
                tput_i >= n_i / deadline_i  with ``slo``

k_i = 1 is Gavel's max_sum_throughput: raw steps/s, so jobs with short steps dominate, and priorities do not count.
Options: ``normalize`` divides by a reference throughput (k_i = 1 / ref_i), ``weighted`` multiplies by the weight,
``per_cost`` replaces T_ij by T_ij / c_j (Gavel's "normalized by cost": a sum of ratios, see cost.py for the ratio of sums),
``slo="require"`` keeps deadlines. Where the deadlines contradict each other Gavel drops them all; here the answer is
infeasible, says which must give, and ``slo=(names)`` keeps the rest.

T (J, R) steps/s of the whole gang; X (J, R) fractions of time; s (J,) scale factors; N (R,) accelerators.
Reference: Narayanan et al., OSDI 2020, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gavelopt as go
from formulations.gavel.normalize import CHOICES, reference_rate
from formulations.gavel.slo import SLO, check_slo, slo_floors


@dataclass(frozen=True)
class MaxSum(go.Policy):
    """Maximise the sum of throughputs. normalize: None, "proportional", "best" or "isolated"; weighted: count weights."""

    name = "max_sum"
    summary = "maximise the sum of throughputs (raw, or normalised and weighted)"
    reference = "Gavel, OSDI 2020, section 4"

    normalize: str | None = None
    weighted: bool = False
    per_cost: bool = False
    slo: SLO = None

    def __post_init__(self) -> None:
        go.choice(self.name, "normalize", self.normalize, CHOICES)
        go.choice(self.name, "weighted", self.weighted, (True, False))
        go.choice(self.name, "per_cost", self.per_cost, (True, False))
        check_slo(self.name, self.slo)
        if self.per_cost and self.normalize:
            raise go.InputError(
                "per_cost and normalize cannot both be set", rule="divide by cost or by a reference rate"
            )

    def objective(self, view: go.View) -> Any:
        weight = view.weight if self.weighted else 1.0
        return view.total(weight * view.rate / reference_rate(view, self.normalize))

    def constraints(self, view: go.View) -> Sequence[go.RateFloor]:
        return slo_floors(view, self.slo)

    def rate_factor(self, instance: go.Instance) -> go.FloatArray | None:
        return 1.0 / go.known_costs(instance) if self.per_cost else None

    def unit(self, instance: go.Instance) -> str:
        unit = "normalised throughput" if self.normalize else instance.throughputs.unit
        return f"{unit} per money/h" if self.per_cost else unit

    def warnings(self, instance: go.Instance) -> list[str]:
        uneven = len(instance.jobs) and (instance.jobs.weight != instance.jobs.weight[0]).any()
        return ["max_sum ignores the jobs' weights; weighted=True counts them"] if uneven and not self.weighted else []
