"""The answer as the judge sees it: value, bound, gap, status, prices, allocation, and how it was found."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.labels import Labels
from gavelopt.model.allocation import DERIVED, Allocation
from gavelopt.model.arrays import FloatArray
from gavelopt.model.constraints import Check
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("optimal", "bounded", "feasible", "infeasible", "unbounded", "time_limit", "failed")

# Presentation lives in later layers; it is bound by name when first asked for, so that this noun depends on none of them.
LATE = {
    "text": "gavelopt.report.text:solution_text",
    "html": "gavelopt.report.text:solution_html",
    "dict": "gavelopt.io.results:solution_dict",
    "save": "gavelopt.io.results:save_solution",
    "plot": "gavelopt.report.plots:plot_solution",
    "explain": "gavelopt.engine.explain:explain_job",
    "audit": "gavelopt.judge.audit:audit_solution",
}


def late(name: str) -> Callable[..., Any]:
    """The function that stands behind a late-bound name."""
    module, _, attribute = LATE[name].partition(":")
    return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Prices(Mapping[str, float]):
    """What one more unit of each accelerator type is worth, as a change of the reported value.

    ``prices["v100"]`` is the price that proves the bound. Where several price vectors prove the same optimum the
    derivative has two sides: ``one_sided["v100"]`` is (gain of slightly more, loss of slightly less), and ``unique`` is
    False. Both are computed when first asked for. Meanwhile the references by which rates are normalised stay as they
    are, and so do the cells that gangs fit on: the price of a type of which there is none says nothing about the first
    one (go.what_if does).

    floors: (J,) worth of a floor that is lower by one unit of measured throughput, or None.
    cost_per_hour: (R,) money for one accelerator for an hour, NaN where unknown, or None.
    """

    accelerators: Labels
    per_accelerator: FloatArray
    unit: str = ""
    floors: FloatArray | None = None
    cost_per_hour: FloatArray | None = None
    _range: Callable[[], FloatArray | None] = field(default=lambda: None, repr=False)
    _of_jobs: Callable[[], tuple[FloatArray | None, FloatArray | None]] = field(
        default=lambda: (None, None), repr=False
    )

    def __getitem__(self, name: str) -> float:
        return float(self.per_accelerator[self.accelerators.index(name)])

    def __iter__(self) -> Iterator[str]:
        return iter(self.accelerators)

    def __len__(self) -> int:
        return len(self.accelerators)

    @property
    def per_dollar(self) -> dict[str, float] | None:
        """{accelerator: change of the value per unit of money an hour spent on more of it}, where its cost is known.

        None where no cost is known. A type that costs nothing is left out.
        """
        if self.cost_per_hour is None:
            return None
        both = zip(self.accelerators, self.per_accelerator, self.cost_per_hour, strict=True)
        return {name: float(price / cost) for name, price, cost in both if cost > 0}

    @cached_property
    def _by_job(self) -> tuple[FloatArray | None, FloatArray | None]:
        return self._of_jobs()

    @property
    def jobs(self) -> FloatArray | None:
        """(J,) worth of one more unit of each job's time, or None."""
        return self._by_job[0]

    @property
    def throughput(self) -> FloatArray | None:
        """(J,) worth of one more unit of each job's throughput (at the rates that the policy believes in), or None."""
        return self._by_job[1]

    @cached_property
    def sides(self) -> FloatArray | None:
        """(R, 2) change of the value per unit more and per unit less, or None where it cannot be computed."""
        return self._range()

    @property
    def one_sided(self) -> dict[str, tuple[float, float]] | None:
        """{accelerator: (value of slightly more, value of slightly less)}, per unit."""
        if self.sides is None:
            return None
        return {
            name: (float(more), float(less)) for name, (more, less) in zip(self.accelerators, self.sides, strict=True)
        }

    @property
    def unique(self) -> bool | None:
        """True where one price vector alone proves the optimum; None where that could not be decided."""
        if self.sides is None:
            return None
        known = self.sides[np.isfinite(self.sides).all(axis=1)]  # of a type of which there is none no side is known
        scale = max(1e-12, float(np.abs(known).max(initial=0.0)))
        return bool(np.all(np.abs(known[:, 0] - known[:, 1]) <= 1e-6 * scale))


@dataclass(frozen=True)
class Attempt:
    """One try of a method: what ran, for how long, how it ended, and why it was chosen or left."""

    method: str
    seconds: float
    outcome: str
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Solution:
    """The judged answer of one solve.

    value:      the policy's reported value, recomputed from the allocation; None without a feasible allocation.
    bound:      no allocation can do better than this; None where no bound is known.
    bound_kind: ``proved`` (recomputed by the judge), ``claimed`` (a solver's word) or None.
    gap:        |bound - value| / max(|bound|, tiny); None without both.
    status:     optimal, bounded, feasible, infeasible, unbounded, time_limit or failed.
    """

    instance: Instance
    policy: Policy
    method: str
    guarantee: str
    status: str
    value: float | None
    bound: float | None
    bound_kind: str | None
    gap: float | None
    unit: str
    seconds: float
    allocation: Allocation | None
    prices: Prices | None
    levels: FloatArray | None
    checks: tuple[Check, ...]
    attempts: tuple[Attempt, ...]
    warnings: tuple[str, ...]
    message: str = ""
    multipliers: Any = None  # what the method offered as proof
    plan: Any = None  # the decision in the instance kind's own form, where that is more than the matrix
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def solved(self) -> bool:
        """Whether there is a feasible allocation."""
        return self.allocation is not None and self.status in ("optimal", "bounded", "feasible", "time_limit")

    def to_frame(self) -> pd.DataFrame:
        """One row a job: time on each accelerator type, throughput, share of time. Raises ValueError without an allocation."""
        if self.allocation is None:
            raise ValueError(f"no allocation: {self.status}. {self.message}")
        for name in self.allocation.accelerators:
            if name in (*DERIVED, "job"):
                raise InputError(
                    "an accelerator has the name of a column of this table",
                    where=f"accelerator {name!r}",
                    rule=f"not one of {', '.join((*DERIVED, 'job'))}",
                    fix="rename it; solution.allocation.matrix has the numbers",
                )
        frame = self.allocation.to_frame()
        frame["throughput"] = self.allocation.rates
        frame["share"] = self.allocation.shares
        frame.index.name = "job"
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python, ready for JSON."""
        return late("dict")(self)  # type: ignore[no-any-return]

    def save(self, path: str | Path) -> Path:
        """Write the solution; the ending decides: .json all of it, .csv or .parquet the allocation."""
        return late("save")(self, path)  # type: ignore[no-any-return]

    def plot(self, path: str | Path | None = None) -> Any:
        """The allocation as a heat map with the prices (extra ``plot``)."""
        return late("plot")(self, path)

    def explain(self, job: str) -> Any:
        """Why this job got what it got."""
        return late("explain")(self, job)

    def audit(self, **options: Any) -> Any:
        """The fairness audit of this allocation."""
        return late("audit")(self, **options)

    def __str__(self) -> str:
        return late("text")(self)  # type: ignore[no-any-return]

    def _repr_html_(self) -> str:
        return late("html")(self)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Solution({self.policy.describe()}, {self.method}, {self.status}, value={self.value}, gap={self.gap})"
