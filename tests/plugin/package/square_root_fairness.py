"""A policy in a package of its own: maximise the power mean p = 1/2 of throughputs over those of equal shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gavelopt as go


@dataclass(frozen=True)
class SquareRoot(go.Policy):
    """Maximise the mean square root of normalised throughputs, squared."""

    name = "square_root"
    summary = "maximise the power mean p = 1/2 of throughputs over equal shares"

    def objective(self, view: go.View) -> Any:
        return view.power_mean(view.rate / view.equal_share_rate, 0.5, view.weight)
