"""compare: one policy, several methods, one table; a method that fails is a row with its reason."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavelopt.engine.registry import methods_of, resolve
from gavelopt.engine.solve import solve
from gavelopt.judge.verdict import relative_gap
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy
from gavelopt.model.solution import Solution

if TYPE_CHECKING:
    import pandas as pd

# Presentation lives in a later layer; it is bound by name when first asked for.
LATE = {
    "text": "gavelopt.report.text:comparison_text",
    "html": "gavelopt.report.comparison:comparison_html",
    "plot": "gavelopt.report.comparison:plot_comparison",
}


def late(name: str) -> Callable[..., Any]:
    """The function that stands behind a late-bound name."""
    module, _, attribute = LATE[name].partition(":")
    return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Comparison:
    """Solutions of one policy by several methods, all held against the best bound that any of them proved."""

    instance: Instance
    policy: Policy
    solutions: tuple[Solution, ...]
    bound: float | None

    def __iter__(self) -> Iterator[Solution]:
        return iter(self.solutions)

    def __getitem__(self, method: str) -> Solution:
        for solution in self.solutions:
            if solution.method == method:
                return solution
        raise KeyError(method)

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a method: value, shared bound, gap against it, status, seconds, reason."""
        return [
            {
                "method": s.method,
                "guarantee": s.guarantee,
                "status": s.status,
                "value": s.value,
                "bound": self.bound,
                "gap": None if s.value is None else _gap(s, self.bound),
                "seconds": s.seconds,
                "reason": s.message,
            }
            for s in self.solutions
        ]

    def to_frame(self) -> pd.DataFrame:
        """The rows as a DataFrame indexed by method."""
        import pandas as pd

        return pd.DataFrame(self.rows()).set_index("method")

    def plot(self, path: str | Path | None = None) -> Any:
        """How near each method is to the best proved bound, and its seconds (extra ``plot``)."""
        return late("plot")(self, path)

    def __str__(self) -> str:
        return late("text")(self)  # type: ignore[no-any-return]

    def _repr_html_(self) -> str:
        return late("html")(self)  # type: ignore[no-any-return]


def compare(
    instance: Instance, policy: str | Policy, methods: Sequence[str] | None = None, **options: Any
) -> Comparison:
    """Solve by each method (by default all of the policy's) and hold all against the best proved bound.

    ``options`` are those of ``solve``; a method's own option goes only to the methods that have it.
    """
    common = {k: options.pop(k) for k in ("time_limit", "seed", "tolerance") if k in options}
    chosen, left = resolve(policy, options)
    available = methods_of(chosen)
    solutions = []
    for name in methods or list(available):
        own = {k: v for k, v in left.items() if name in available and k in available[name].options}
        solutions.append(solve(instance, chosen, method=name, **common, **own))
    proved = [s.bound for s in solutions if s.bound is not None and s.bound_kind == "proved"]
    bound = (min if chosen.sense == "max" else max)(proved) if proved else None
    return Comparison(instance, chosen, tuple(_against(s, bound) for s in solutions), bound)


def _against(solution: Solution, bound: float | None) -> Solution:
    if bound is None or solution.value is None:
        return solution
    return replace(solution, bound=bound, bound_kind="proved", gap=_gap(solution, bound))


def _gap(solution: Solution, bound: float | None) -> float | None:
    assert solution.value is not None
    from gavelopt.engine.problem import Problem

    utility = Problem(solution.instance, solution.policy).utility
    logarithmic = utility is not None and utility.p == 0 and utility.report == "same"
    return relative_gap(solution.value, bound, logarithmic=logarithmic, weight=utility)
