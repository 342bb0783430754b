"""How much of an allocation may change at once.

X0 is the allocation so far, of the jobs that are still here and cut to the capacities that are still there; X* the optimum.
Moves are accelerators newly given,  m(X) = sum_ij s_i max(0, X_ij - X0_ij).  All allocations on the way

    X0 + part (X* - X0),    0 <= part <= 1,    m = part m(X*)

are feasible, and a concave U there is at least  (1 - part) U(X0) + part U(X*).  The last one with m <= most is taken. The bound
stays that of the optimum without any limit, so the gap says what the limit costs at most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gavelopt.engine.problem import Answer, Problem
from gavelopt.model.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class Moves:
    """before: (J, R) what each job had so far, 0 for new ones; most: accelerators that may be newly given."""

    before: FloatArray
    most: float

    def limit(self, problem: Problem, answer: Answer) -> Answer:
        """The answer, or as much of the way to it as may be gone."""
        space = problem.space
        old = np.where(space.usable, self.before.ravel(), 0.0)
        over = np.maximum(space.usage(old) / np.where(space.capacity > 0, space.capacity, 1.0), 1.0)
        old = (old.reshape(self.before.shape) / over).ravel()
        wanted = float(space.usage(np.maximum(answer.x - old, 0.0)).sum())
        if wanted <= self.most:
            return replace(answer, details={**answer.details, "moves": wanted})
        part = self.most / wanted
        note = f"{self.most:g} of {wanted:g} moves: {part:.1%} of the way to the optimum"
        return replace(
            answer,
            x=old + part * (answer.x - old),
            levels=None,
            proof=None,
            notes=(*answer.notes, note),
            details={**answer.details, "moves": self.most},
        )
