"""Run in a fresh process by ``doctor``: load the solvers in the order given; each solves  maximise x, x <= 1.

    python -m gavelopt.cli.probe highspy ortools cvxpy

prints one JSON object {solver: "ok" or what went wrong}. A crash of native code is seen by the caller.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

Found = Iterator[tuple[str, Callable[[], float]]]
THROUGH_CVXPY = ("CLARABEL", "SCS", "HIGHS", "GLOP", "PDLP")


def _highspy() -> Found:
    import highspy

    def solve() -> float:
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.addVar(0.0, 1.0)
        solver.changeColCost(0, -1.0)
        solver.run()
        return float(-solver.getObjectiveValue())

    yield "HiGHS", solve


def _ortools() -> Found:
    from ortools.linear_solver import pywraplp
    from ortools.sat.python import cp_model

    def linear(name: str) -> float:
        solver = pywraplp.Solver.CreateSolver(name)
        x = solver.NumVar(0.0, 1.0, "x")
        solver.Maximize(x)
        solver.Solve()
        return float(x.solution_value())

    def integer() -> float:
        model = cp_model.CpModel()
        x = model.new_bool_var("x")
        model.maximize(x)
        solver = cp_model.CpSolver()
        solver.solve(model)
        return float(solver.value(x))

    yield "GLOP", lambda: linear("GLOP")
    yield "PDLP", lambda: linear("PDLP")
    yield "CP-SAT", integer


def _cvxpy() -> Found:
    import cvxpy as cp

    def solve(name: str) -> float:
        x = cp.Variable()
        return float(cp.Problem(cp.Maximize(x), [x <= 1]).solve(solver=name))

    for name in THROUGH_CVXPY:
        yield f"cvxpy {name}", lambda name=name: solve(name)  # type: ignore[misc]


PROBES: dict[str, Callable[[], Found]] = {"highspy": _highspy, "ortools": _ortools, "cvxpy": _cvxpy}


def probe(packages: list[str]) -> dict[str, str]:
    """Load all packages first, in their order, then let every solver try."""
    outcome: dict[str, str] = {}
    loaded: list[tuple[str, Callable[[], float]]] = []
    for package in packages:
        try:
            loaded += PROBES[package]()
        except (ImportError, OSError) as error:
            outcome[package] = f"{type(error).__name__}: {error}"
    for name, solve in loaded:
        outcome[name] = _try(name, solve)
    return outcome


def _try(name: str, solve: Callable[[], float]) -> str:
    errors: tuple[type[Exception], ...] = (ImportError, OSError, AttributeError, ValueError, RuntimeError)
    if name.startswith("cvxpy "):
        import cvxpy as cp

        errors = (*errors, cp.SolverError)
    try:
        value: Any = solve()
    except errors as error:
        return f"{type(error).__name__}: {error}"
    return "ok" if abs(value - 1.0) < 1e-3 else f"answers {value} where 1 is right"


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1:])))
