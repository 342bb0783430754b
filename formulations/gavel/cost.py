"""What accelerators cost: throughput for the money, and the least money for a throughput.

    throughput_per_cost   maximise   sum_i tput_i / sum_ij c_j s_i X_ij          (linear-fractional)
    min_cost              minimise   sum_ij c_j s_i X_ij
    subject to            sum_j X_ij <= 1,   sum_i s_i X_ij <= N_j,   X >= 0
                          tput_i >= floor_i     deadlines (``slo``); for min_cost also a part of the isolated throughput

tput_i = sum_j T_ij X_ij. Without floors the best ratio is that of the best single cell. With floors Dinkelbach's iteration
finds it: maximise  sum tput - q cost  with q the ratio so far; at the best ratio the maximum is 0. For any q the maximum m
proves that no ratio is above  q + m / least,  where  least = sum_i floor_i min_j c_j s_i / T_ij  is what the floors cost at
least. (Charnes and Cooper's substitution y = t X makes one linear program of it, less well conditioned.)

Gavel's max_sum_throughput_normalized_by_cost maximises sum_ij T_ij X_ij / c_j instead, a sum of ratios in which cost does
not count gangs: that is ``max_sum`` with ``per_cost``.

T (J, R) steps/s; c (R,) money per accelerator hour; values: steps/s per money per hour, and money per hour.
Reference: Narayanan et al., OSDI 2020, section 4.2 (cost); Charnes and Cooper 1962; Dinkelbach 1967.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import gavelopt as go
from formulations.gavel.slo import SLO, check_slo, slo_floors


def _priced(instance: go.Instance, space: go.AllocationSpace, worth: float, toll: float) -> go.AllocationSpace:
    """The columns with value  worth T_ij - toll c_j s_i  in place of the rate."""
    grid = space.grid
    assert grid is not None
    cost = grid.use[:, None] * go.known_costs(instance)[None, :]
    return replace(space, grid=replace(grid, table=worth * grid.table - toll * cost))


def _steps_per_money(instance: go.Instance, space: go.AllocationSpace) -> go.FloatArray:
    """(J, R) the ratio of each single cell."""
    grid = space.grid
    assert grid is not None
    cost = grid.use[:, None] * go.known_costs(instance)[None, :]
    return np.where(grid.usable, grid.table / cost, 0.0)


def _linear_bound(values: go.AllocationSpace, space: go.AllocationSpace, floors: Any, proof: Any) -> float:
    ones = np.ones(len(space.jobs))
    return go.upper_bound(values, go.Utility(1.0, ones, np.zeros_like(ones), ones), proof, floors, space)


@dataclass(frozen=True)
class MinCost(go.Policy):
    """Minimise money per hour such that deadlines hold and every job has ``share`` of its isolated throughput."""

    name = "min_cost"
    sense = "min"
    summary = "the least money per hour that keeps deadlines and a share of the isolated throughput"
    reference = "Gavel, OSDI 2020, section 4.2"
    generic = False
    shareable = False

    share: float = 0.0
    slo: SLO = "require"

    def __post_init__(self) -> None:
        check_slo(self.name, self.slo)
        if not (isinstance(self.share, (int, float)) and 0 <= self.share <= 1):
            raise go.InputError(
                "option 'share' of policy 'min_cost' out of range", seen=repr(self.share), rule="0 to 1"
            )

    def objective(self, view: go.View) -> Any:
        return view.total(view.cost_per_hour * view.usage)

    def constraints(self, view: go.View) -> Sequence[go.RateFloor]:
        floors = slo_floors(view, self.slo)
        if self.share:
            rate = np.where(view.space.ceiling > 0, view.isolated_rate, 0.0)
            floors.append(go.RateFloor("share of the isolated throughput", self.share * rate))
        return floors and [
            go.RateFloor(" and ".join(f.name for f in floors), np.max([f.floor for f in floors], axis=0))
        ]

    def prove(self, instance: go.Instance, space: go.AllocationSpace, proof: Any) -> float | None:
        if proof is None:
            return None
        floors = self.constraints(go.NumericView(instance, space, np.zeros(len(instance.jobs))))
        return max(0.0, -_linear_bound(_priced(instance, space, 0.0, 1.0), space, floors, proof))

    def unit(self, instance: go.Instance) -> str:
        return "money/h"


@dataclass(frozen=True)
class ThroughputPerCost(MinCost):
    """Maximise total throughput divided by total cost, such that deadlines hold (and ``share`` as in min_cost)."""

    name = "throughput_per_cost"
    sense = "max"
    summary = "maximise total throughput divided by total cost (a true ratio)"
    reference = "Charnes and Cooper 1962; Gavel, OSDI 2020, section 4.2"

    def objective(self, view: go.View) -> Any:
        cost = view.total(view.cost_per_hour * view.usage)
        return view.total(view.rate) / cost if cost > 0 else 0.0

    def prove(self, instance: go.Instance, space: go.AllocationSpace, proof: Any) -> float | None:
        if proof is None:
            return None
        ratio, multipliers = proof
        floors = self.constraints(go.NumericView(instance, space, np.zeros(len(instance.jobs))))
        steps_per_money = _steps_per_money(instance, space)
        best = float(steps_per_money.max(initial=0.0))
        if not floors:
            return best
        cheapest = steps_per_money.max(axis=1, initial=0.0)
        least = float((floors[0].floor / np.where(cheapest > 0, cheapest, 1.0)).sum())
        most = max(0.0, _linear_bound(_priced(instance, space, 1.0, ratio), space, floors, multipliers))
        return min(best, ratio + most / least) if least > 0 else best

    def unit(self, instance: go.Instance) -> str:
        return f"{instance.throughputs.unit} per money/h"


def _least_cost(problem: go.Problem) -> go.Answer:
    values = _priced(problem.instance, problem.space, 0.0, 1.0)
    found = go.solve_form(_task(problem, values))
    return go.Answer(found.x, proof=found.multipliers, notes=(f"solved by {found.how}",))


def _task(problem: go.Problem, values: go.AllocationSpace) -> go.Task:
    ones = np.ones(len(problem.instance.jobs))
    form = go.Utility(1.0, ones, np.zeros_like(ones), ones)
    return go.Task(values, form, problem.floors, problem.space, problem.tolerance, problem.deadline)


def _best_ratio(problem: go.Problem) -> go.Answer:
    """Dinkelbach's iteration: with the ratio q so far, maximise tput - q cost; the ratio of the answer is the next q."""
    instance, space = problem.instance, problem.space
    ratios, costs = _steps_per_money(instance, space), go.known_costs(instance)
    best = float(ratios.max(initial=0.0))
    floored = problem.floors and bool((problem.floors[0].floor > 0).any())
    if floored and best == 0.0:
        raise go.Infeasible("a rate floor is set and nobody can run")
    if not floored:
        x = np.zeros(ratios.shape)
        cell = np.unravel_index(int(np.argmax(ratios)), ratios.shape) if ratios.size else None
        if cell is not None and best > 0.0:
            x[cell] = 1.0
        nothing = go.Multipliers(np.zeros(len(space.capacity)))
        return go.Answer(x.ravel(), proof=(best, nothing), notes=("the best single cell",))
    ratio, rounds = 0.0, 0
    while rounds < 60:
        rounds += 1
        found = go.solve_form(_task(problem, _priced(instance, space, 1.0, ratio)))
        reached = float(space.rate(found.x).sum() / (costs @ space.usage(found.x)))
        if reached <= ratio * (1.0 + 1e-14):
            break
        ratio = reached
    return go.Answer(found.x, proof=(ratio, found.multipliers), notes=(f"{rounds} linear programs, {found.how}",))


MinCost.methods = (go.Method("exact", _least_cost, "exact", "one linear program"),)
ThroughputPerCost.methods = (go.Method("exact", _best_ratio, "exact", "Dinkelbach's iteration of linear programs"),)
