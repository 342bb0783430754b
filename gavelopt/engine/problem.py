"""What a method gets and what it gives back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gavelopt.errors import GavelOptError
from gavelopt.judge.certify import Multipliers
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.constraints import RateFloor
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy
from gavelopt.model.solution import Solution
from gavelopt.model.space import AllocationSpace
from gavelopt.model.structure import StructuralView, Unstructured
from gavelopt.model.utility import Utility
from gavelopt.model.view import NumericView


class Infeasible(GavelOptError):
    """A method found that no allocation satisfies the constraints."""


class OutOfTime(GavelOptError):
    """A method reached its time limit without an allocation."""


@dataclass(frozen=True, eq=False)
class Answer:
    """Bare numbers from a method; the judge makes the Solution.

    x: (K,) time on each column of the problem's space; multipliers: proof offered, in units of the normal form.
    levels: (J,) normalised throughput per job where the policy defines levels.
    proof: whatever the policy's own ``prove`` and ``examine`` need.
    pairs: (entry, first job, second job) of the pair columns behind the single ones, for space sharing.
    plan: for kinds of instance other than "training", the decision in that kind's own bare form.
    """

    x: FloatArray
    multipliers: Multipliers | None = None
    claimed_bound: float | None = None
    levels: FloatArray | None = None
    pairs: tuple[IntArray, IntArray, IntArray] | None = None
    proof: Any = None
    plan: Any = None
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def columns(self, space: AllocationSpace) -> AllocationSpace:
        """``space`` with the pair columns that this answer uses."""
        return space if self.pairs is None else space.with_columns(*self.pairs)


@dataclass(frozen=True, eq=False)
class Problem:
    """A policy on an instance, ready for a method."""

    instance: Any  # Instance, or the instance of another kind
    policy: Policy
    tolerance: float = 1e-6
    seed: int = 0
    warm: Solution | None = None  # where to start from: the last answer of a session
    deadline: float = float("inf")  # on the clock of time.perf_counter

    @property
    def _training(self) -> Instance:
        assert isinstance(self.instance, Instance), "columns of a grid are those of a training instance"
        return self.instance

    @cached_property
    def space(self) -> AllocationSpace:
        """The columns, with the rates that the policy believes in."""
        policy, instance = self.policy, self._training
        return instance.space(
            policy.assumed_rates(instance), sharing=policy.space_sharing, factor=policy.rate_factor(instance)
        )

    @cached_property
    def measured(self) -> AllocationSpace:
        """The same columns with the measured rates."""
        policy, instance = self.policy, self._training
        if policy.assumed_rates(instance) is None and policy.rate_factor(instance) is None:
            return self.space
        return instance.space(sharing=policy.space_sharing)

    @property
    def row(self) -> IntArray | None:
        """(J,) row of the throughput table that each job follows, where that and its gang determine its rates."""
        table, agnostic = self._training.throughputs, self.policy.assumed_rates(self._training)
        return table.kind if agnostic is None else None

    @cached_property
    def utility(self) -> Utility | None:
        """The normal form of the policy's objective; None where the declaration has none."""
        if self.instance.kind != "training":
            return None
        try:
            found = self.policy.objective(StructuralView(self.instance, self.space))
        except Unstructured:
            return None
        return found if isinstance(found, Utility) else None

    @cached_property
    def floors(self) -> Sequence[RateFloor]:
        """The policy's rate floors."""
        return tuple(self.policy.constraints(NumericView(self.instance, self.space, np.zeros(len(self.instance.jobs)))))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to decide."""
        if self.instance.kind == "elastic":
            return bool(self.instance.empty)
        return self.instance.kind == "training" and len(self.instance.jobs) == 0

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self.deadline - time.perf_counter())
