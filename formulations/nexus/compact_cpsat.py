"""The unsplit problem as one compact model for CP-SAT: a cross-check for small cases.

    x_kj in {0, 1}      residual k is on GPU j            sum_j x_kj = 1
    i_kj                row of k's table: its batch       lat_kj = l_k[i], lasts_kj = floor(b / r_k)[i]
    d_j                 duty cycle, whole microseconds
    x_kj = 1  =>  d_j <= lasts_kj,   d_j + lat_kj <= L_k;      sum_k lat_kj <= d_j
    x_aj = 0 for j > a  (sessions by falling occupancy; GPUs are alike),   used_j >= used_(j+1)
    minimise sum_j used_j over as many GPUs as the greedy took

Row 0 of every table means "not here": latency 0, no limit on d. Exact, because every time is a whole microsecond.
For ``variant="split"`` see split_cpsat.py. One GPU type, its memory as a second sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gavelopt as go
from formulations.nexus.greedy import best_fit
from formulations.nexus.residuals import UNLIMITED, Bin, Residuals, plan_of, residuals_of


def one_type(residuals: Residuals, method: str) -> None:
    """Raises SolverError where there is more than one type: the compact models are cross-checks for one."""
    if residuals.types != 1:
        raise go.SolverError(
            f"method {method!r} packs one accelerator type, here are {residuals.types}; 'exact' packs any"
        )


def cpsat(problem: go.Problem, workers: int = 1) -> go.Answer:
    """CP-SAT on the compact model. workers: its threads."""
    if getattr(problem.policy, "variant", "unsplit") == "split":
        from formulations.nexus.split_cpsat import cpsat_split

        return cpsat_split(problem, workers)
    phase, residuals = residuals_of(problem)
    one_type(residuals, "cpsat")
    hint, _ = best_fit(residuals, "repository")
    bins, bound, words = _solve(residuals, hint, problem, workers)
    base = int(phase.whole.sum()) * int(residuals.price[0])
    return go.Answer(
        np.zeros(0),
        plan=plan_of(phase, residuals, bins),
        claimed_bound=(base + bound * int(residuals.price[0])) / 1e6,
        notes=(words,),
    )


def _solve(residuals: Residuals, hint: list[Bin], problem: go.Problem, workers: int) -> tuple[list[Bin], int, str]:
    from ortools.sat.python import cp_model

    gpus, n = len(hint), len(residuals)
    if not gpus:
        return [], 0, "no residuals"
    model = cp_model.CpModel()
    start, lasts, latency, memory, budget = residuals.tables
    longest = int((budget - latency[start[:-1]]).max())
    used = [model.NewBoolVar("") for _ in range(gpus)]
    duty = [model.NewIntVar(1, longest, "") for _ in range(gpus)]
    here = [[model.NewBoolVar("") for _ in range(gpus)] for _ in range(n)]
    load: list[list[Any]] = [[] for _ in range(gpus)]
    held: list[list[Any]] = [[] for _ in range(gpus)]
    for k in range(n):
        rows = slice(start[k], start[k + 1])
        times = [0, *latency[rows].tolist()]
        bears = [longest, *np.minimum(lasts[rows], longest).tolist()]
        room = [0, *memory[rows].tolist()]
        model.AddExactlyOne(here[k])
        for j in range(gpus):
            row = model.NewIntVar(0, len(times) - 1, "")
            time = model.NewIntVar(0, max(times), "")
            last = model.NewIntVar(0, longest, "")
            model.AddElement(row, times, time)
            model.AddElement(row, bears, last)
            model.Add(row >= 1).OnlyEnforceIf(here[k][j])
            model.Add(row == 0).OnlyEnforceIf(here[k][j].Not())
            model.Add(duty[j] <= last)
            model.Add(duty[j] + time <= int(budget[k])).OnlyEnforceIf(here[k][j])
            model.AddImplication(here[k][j], used[j])
            load[j].append(time)
            if residuals.memory_limit[0] < UNLIMITED:
                space = model.NewIntVar(0, max(room), "")
                model.AddElement(row, room, space)
                held[j].append(space)
    for j in range(gpus):
        model.Add(sum(load[j]) <= duty[j])
        if held[j]:
            model.Add(sum(held[j]) <= int(residuals.memory_limit[0]))
    for j in range(1, gpus):
        model.AddImplication(used[j], used[j - 1])
    for place, k in enumerate(by_occupancy(residuals)):
        for j in range(place + 1, gpus):
            model.Add(here[k][j] == 0)
    model.Minimize(sum(used))
    return _read(residuals, model, here, hint, problem, workers)


def _read(
    residuals: Residuals, model: Any, here: list[list[Any]], hint: list[Bin], problem: go.Problem, workers: int
) -> tuple[list[Bin], int, str]:
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = problem.seed
    if np.isfinite(problem.deadline):
        solver.parameters.max_time_in_seconds = max(problem.seconds_left, 0.01)
    status = solver.Solve(model)
    words = f"CP-SAT: {solver.StatusName(status)}"
    bound = int(np.ceil(solver.BestObjectiveBound() - 1e-6))
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return hint, max(bound, 0), f"{words}; the greedy's packing is kept"
    groups = [tuple(k for k in range(len(residuals)) if solver.Value(here[k][j])) for j in range(len(hint))]
    return bins_from(residuals, groups), bound, words


def bins_from(residuals: Residuals, groups: list[tuple[int, ...]]) -> list[Bin]:
    """GPUs of type 0 for these sets, each with the longest duty cycle in which it fits. SolverError where one does not."""
    bins = []
    for sessions in filter(None, groups):
        duty = residuals.some_cycle(0, sessions)
        if duty is None:
            raise go.SolverError("the solver put sessions together that fit in no duty cycle")
        bins.append((0, duty, sessions))
    return bins


def by_occupancy(residuals: Residuals) -> list[int]:
    """Members by falling occupancy bound: the order that breaks the symmetry between GPUs."""
    rate = np.zeros(len(residuals.instance.sessions), dtype=np.int64)
    rate[residuals.members] = residuals.rate
    phi = go.packing.occupancy(residuals.instance, residuals.price, rate)[residuals.members]
    return [int(k) for k in np.argsort(-phi, kind="stable")]
