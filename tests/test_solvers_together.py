"""All solvers in one process, in any order: the newest highspy and ortools cannot be, so the pins are held here."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import importlib
for name in {order!r}:
    importlib.import_module(name)
import cvxpy as cp
x = cp.Variable(2)
for solver in ("CLARABEL", "SCS", "HIGHS", "GLOP", "PDLP"):
    problem = cp.Problem(cp.Maximize(x[0] + 2 * x[1]), [x >= 0, cp.sum(x) <= 3, x[1] <= 1])
    problem.solve(solver=solver)
    assert abs(problem.value - 4.0) < 1e-3, (solver, problem.value)
from ortools.sat.python import cp_model
model = cp_model.CpModel()
n = model.new_int_var(0, 9, "n")
model.add(2 * n <= 7)
model.maximize(n)
solver = cp_model.CpSolver()
assert solver.solve(model) == cp_model.OPTIMAL
assert solver.value(n) == 3
print("together")
"""

ORDERS = [
    ["highspy", "ortools.sat.python.cp_model", "cvxpy", "clarabel"],
    ["ortools.sat.python.cp_model", "ortools.linear_solver.pywraplp", "highspy", "cvxpy"],
    ["cvxpy", "ortools.linear_solver.pywraplp", "highspy"],
]


@pytest.mark.parametrize("order", ORDERS, ids=[order[0] for order in ORDERS])
def test_solvers_work_in_one_process(order: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(order=order)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "together" in done.stdout
