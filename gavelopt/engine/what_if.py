"""What if the cluster were another: the same policy before and after, and the value against the count of one type.

Many policies normalise throughputs by shares of the cluster, which grow with it. The question is what the change is worth,
so both answers are measured by the shares of the cluster before (``Instance.reference``); the value then never falls when
accelerators come.

In its normal form U the value of a concave policy is concave in the counts N, and the prices y prove

    U(N + d)  <=  (bound on U(N)) + y.d        for every d >= 0 that opens no cells to larger gangs

so one solve bounds every larger cluster. That is the forecast; it is exact for small d.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.engine.problem import Problem
from gavelopt.engine.registry import resolve
from gavelopt.engine.solve import solve
from gavelopt.errors import InputError
from gavelopt.model.allocation import Allocation
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy
from gavelopt.model.solution import Solution

if TYPE_CHECKING:
    import pandas as pd

# presentation is bound by name, so that the engine does not depend on it
TEXTS = {
    "what_if": "gavelopt.report.what_if:what_if_text",
    "frontier": "gavelopt.report.what_if:frontier_text",
}


@dataclass(frozen=True, eq=False)
class WhatIf:
    """A policy on a cluster and on a changed one.

    added: accelerators more (or fewer, negative) by type. before, after: judged solutions, normalised by the same shares.
    forecast: the prices of ``before`` prove that the value after is no better than this; None where they prove nothing.
    """

    added: Mapping[str, float]
    before: Solution
    after: Solution
    forecast: float | None

    @property
    def change(self) -> float | None:
        """Value after minus value before; None where one of them has no value."""
        if self.before.value is None or self.after.value is None:
            return None
        return self.after.value - self.before.value

    @property
    def cost_per_hour(self) -> float | None:
        """Money an hour for what is added; None where a price is unknown."""
        cluster = self.before.instance.cluster
        if cluster.cost_per_hour is None:
            return None
        cost = sum(
            number * cluster.cost_per_hour[cluster.accelerators.index(name)] for name, number in self.added.items()
        )
        return float(cost) if np.isfinite(cost) else None

    @property
    def change_per_dollar(self) -> float | None:
        """Change of the value per unit of money an hour; None where either is unknown or nothing is paid."""
        if self.change is None or not self.cost_per_hour:
            return None
        return self.change / self.cost_per_hour

    def to_frame(self) -> pd.DataFrame:
        """One row a job: throughput before and after. Raises ValueError where one side has no allocation."""
        frame = self.before.to_frame()[["throughput"]].rename(columns={"throughput": "before"})
        frame["after"] = self.after.to_frame()["throughput"]
        frame["change"] = frame["after"] - frame["before"]
        return frame

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain Python, ready for JSON."""
        return {
            "added": dict(self.added),
            "before": self.before.value,
            "after": self.after.value,
            "change": self.change,
            "forecast": self.forecast,
            "unit": self.before.unit,
            "cost_per_hour": self.cost_per_hour,
            "change_per_dollar": self.change_per_dollar,
            "status": [self.before.status, self.after.status],
        }

    def __str__(self) -> str:
        return _text("what_if", self)


@dataclass(frozen=True)
class Point:
    """One count of a frontier: the value there, its proved bound, and the worth of one more accelerator of the type."""

    count: float
    value: float | None
    bound: float | None
    price: float | None
    status: str
    cost_per_hour: float | None
    message: str = ""


@dataclass(frozen=True, eq=False)
class Frontier(Sequence[Point]):
    """The value of a policy against the count of one accelerator type, other types and the reference shares as they are."""

    instance: Instance
    policy: Policy
    accelerator: str
    unit: str
    points: tuple[Point, ...]

    def __getitem__(self, position: Any) -> Any:
        return self.points[position]

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)

    def to_frame(self) -> pd.DataFrame:
        """One row a count."""
        import pandas as pd

        return pd.DataFrame([vars(point) for point in self.points]).set_index("count")

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python, ready for JSON."""
        points = [dict(vars(point)) for point in self.points]
        return {"policy": self.policy.describe(), "accelerator": self.accelerator, "unit": self.unit, "points": points}

    def __str__(self) -> str:
        return _text("frontier", self)


def what_if(instance: Instance, policy: str | Policy, *, add: Mapping[str, float], **options: Any) -> WhatIf:
    """Solve a policy on a training instance and on the same with ``add`` accelerators more (negative: fewer).

    ``options`` are those of ``solve``. A type that the cluster does not have yet is declared with count 0 and its rates.

    Raises:
        InputError: an unknown type, policy or option; fewer accelerators than none.
    """
    _training(instance)
    chosen, left = resolve(policy, options)
    larger = instance.replace(cluster=instance.cluster.adding(add), reference=instance.yardstick)
    before = solve(instance, chosen, **left)
    return WhatIf(dict(add), before, solve(larger, chosen, **left), _forecast(before, larger))


def frontier(
    instance: Instance, policy: str | Policy, accelerator: str, counts: Sequence[float], **options: Any
) -> Frontier:
    """The value of a policy for each count of one accelerator type; a count without an answer is a point with its reason.

    Raises:
        InputError: an unknown type, policy or option; a count below 0; no counts.
    """
    _training(instance)
    position = instance.cluster.accelerators.index(accelerator)
    if not len(counts):
        raise InputError("a frontier needs counts", seen="none", fix="for example range(0, 33, 4)")
    chosen, left = resolve(policy, options)
    points = []
    for number in counts:
        count = instance.cluster.count.copy()
        count[position] = number
        changed = instance.replace(cluster=instance.cluster.with_count(count), reference=instance.yardstick)
        points.append(_point(solve(changed, chosen, **left), position))
    return Frontier(instance, chosen, accelerator, chosen.unit(instance), tuple(points))


def resolver(policy: Policy, **options: Any) -> Callable[[Instance], Allocation | None]:
    """A function that solves ``policy`` on an instance and returns the allocation, or None where there is none."""

    def answer(instance: Instance) -> Allocation | None:
        return solve(instance, policy, **options).allocation

    return answer


def _training(instance: Instance) -> None:
    if instance.kind != "training":
        raise InputError("what-if questions are for training instances", seen=f"an instance of kind {instance.kind!r}")


def _point(solution: Solution, position: int) -> Point:
    cluster, prices = solution.instance.cluster, solution.prices
    cost = None if cluster.cost_per_hour is None else float(cluster.cost_per_hour @ cluster.count)
    return Point(
        count=float(cluster.count[position]),
        value=solution.value,
        bound=solution.bound,
        price=None if prices is None or cluster.count[position] == 0 else float(prices.per_accelerator[position]),
        status=solution.status,
        cost_per_hour=None if cost is None or not np.isfinite(cost) else cost,
        message=solution.message,
    )


def _forecast(before: Solution, larger: Instance) -> float | None:
    """The reported value of  (bound on U) + y.d,  or None where that is no proof."""
    prices, added = before.prices, larger.cluster.count - before.instance.cluster.count
    utility = Problem(before.instance, before.policy).utility
    if prices is None or utility is None or before.bound is None or before.value is None:
        return None
    if before.bound_kind != "proved" or (added < 0).any() or not np.array_equal(larger.usable, before.instance.usable):
        return None
    slope = utility.reported_slope(utility.normal(before.value))
    if not np.isfinite(slope) or slope == 0.0:
        return None
    return utility.reported(utility.normal(before.bound) + float(prices.per_accelerator @ added) / slope)


def _text(which: str, subject: Any) -> str:
    module, _, name = TEXTS[which].partition(":")
    return str(getattr(importlib.import_module(module), name)(subject))
