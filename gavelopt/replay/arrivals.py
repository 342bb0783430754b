"""Who comes next: the jobs of a trace that can run, in order of arrival."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavelopt.model.arrays import BoolArray, FloatArray, IntArray


@dataclass(eq=False)
class Arrivals:
    """order: jobs by arrival, ties as listed; coming: how many of them have entered."""

    arrival_s: FloatArray
    order: IntArray
    coming: int = 0

    @classmethod
    def of(cls, arrival_s: FloatArray, able: BoolArray) -> Arrivals:
        """Nobody has entered; jobs that are not ``able`` never will."""
        order = np.lexsort([np.arange(len(arrival_s)), arrival_s])
        return cls(arrival_s, order[able[order]])

    @property
    def next_s(self) -> float:
        """When the next job arrives; infinite where nobody comes."""
        return float(self.arrival_s[self.order[self.coming]]) if self.coming < len(self.order) else np.inf

    def enter(self, now: float) -> IntArray:
        """The jobs that have arrived by ``now`` and had not entered."""
        first = self.coming
        while self.next_s <= now:
            self.coming += 1
        return self.order[first : self.coming]
