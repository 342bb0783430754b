"""Capacity planning as one mixed-integer program: how many groups of which shape, hosting what, carrying what load.

    n_c groups of shape c,  x_mc replicas of model m on them,  y_mc requests a second served there

    maximise    sum y_mc + epsilon sum x_mc
    subject to  sum_c y_mc <= rate_m                                             nobody serves more than is asked
                y_mc <= rate_m x_mc,  x_mc <= n_c                                 only where hosted, once a group
                sum_m w_mc x_mc <= memory n_c                                     memory, in aggregate over equal groups
                sum_c size_c n_c <= D                                             devices
                sum_m y_mc d_mc (1 + cv_m^2 d_mc / (2 slack_mc)) <= n_c           time of the slowest stages

d is the slowest stage, slack = SLO - overhead - sum of stages; the bracket is Kingman's mean wait held inside the slack,
which is linear in y. Configurations without slack are left out. Without burstiness the load row is Gavel's row
sum_m X T^-1 <= 1 with X = y / rate. It sees rates only: good for "how many devices" and "is it feasible", weak as a final
placement (the simulator judges it like any other); ``polish`` improves it by small changes.
Groups of one shape are interchangeable, so they are counted and not numbered; the replicas are then dealt to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

import gavelopt as go
from formulations.alpaserve.local import improve
from formulations.alpaserve.scoring import Group, Scorer, answer, canonical, instance_of

REPLICA_BONUS = 1e-4  # of the total rate, a replica
SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Plan:
    """groups: (C,) of each shape; replicas: (M, C); served_rps: (M, C)."""

    groups: go.IntArray
    replicas: go.IntArray
    served_rps: go.FloatArray


def capacity_milp(problem: go.Problem, polish: bool = False, effort: float = 5e7) -> go.Answer:
    """The program's plan, its replicas dealt to groups; with ``polish`` improved by small changes."""
    instance = instance_of(problem)
    plan = plan_capacity(instance, seconds=min(SECONDS, problem.seconds_left))
    scorer = Scorer(instance, deadline=problem.deadline)
    code = _dealt(scorer, plan)
    if polish:
        code, _ = improve(scorer, code, effort=effort, seed=problem.seed)
    share = float(plan.served_rps.sum() / max(_rates(instance).sum(), 1e-300))
    return answer(problem, instance.decode(code), f"the program expects {share:.4f} served", expected=share)


def fewest_devices(instance: go.PlacementInstance, target: float = 0.99, seconds: float = SECONDS) -> int:
    """The fewest devices with which the program serves ``target`` of the rate. Raises Infeasible: the cluster is too small."""
    plan = plan_capacity(instance, target=target, seconds=seconds)
    return int(plan.groups @ instance.tables.size)


def plan_capacity(instance: go.PlacementInstance, target: float | None = None, seconds: float = SECONDS) -> Plan:
    """The program: most served rate on the devices, or with ``target`` the fewest devices that serve that share.

    Raises:
        Infeasible: the target cannot be reached with the instance's devices.
        OutOfTime: HiGHS found no plan within ``seconds``.
    """
    tables, rates = instance.tables, _rates(instance)
    models, shapes = tables.usable.shape
    cells = np.argwhere(tables.usable)
    slack = tables.slo_s[:, None] - instance.overheads.request_s - tables.total_s
    useful = [(int(m), int(c)) for m, c in cells if slack[m, c] > 1e-9 and rates[m] > 0]
    if not useful:
        return _nothing(target, (models, shapes))
    block = len(useful)
    columns = shapes + 2 * block  # n, then x, then y
    cost = np.zeros(columns)
    if target is None:
        cost[shapes : shapes + block] = -REPLICA_BONUS * rates.sum()
        cost[shapes + block :] = -1.0
    else:
        cost[:shapes] = tables.size
    upper = np.concatenate(
        [
            instance.devices // tables.size,
            [instance.devices // tables.size[c] for _, c in useful],
            np.full(block, np.inf),
        ]
    )
    rows = _rows(instance, rates, useful, slack)
    if target is not None:
        rows.append(({shapes + block + j: -1.0 for j in range(block)}, -target * float(rates.sum())))
    matrix, limits = _matrix(rows, columns)
    found = milp(
        cost,
        integrality=np.concatenate([np.ones(shapes + block), np.zeros(block)]),
        bounds=Bounds(0, upper),
        constraints=LinearConstraint(matrix, -np.inf, limits),
        options={"time_limit": float(seconds), "mip_rel_gap": 1e-4},
    )
    if found.status == 2:
        raise go.Infeasible(f"{instance.devices} devices cannot serve {target} of the rate in this program")
    if found.x is None:
        raise go.OutOfTime(f"HiGHS found no plan: {found.message}")
    return _unpacked(found.x, useful, (models, shapes))


def _nothing(target: float | None, shape: tuple[int, int]) -> Plan:
    if target is not None:
        raise go.Infeasible("no model has a configuration that leaves it any slack")
    return Plan(np.zeros(shape[1], dtype=np.int64), np.zeros(shape, dtype=np.int64), np.zeros(shape))


Row = tuple[dict[int, float], float]


def _rows(
    instance: go.PlacementInstance, rates: go.FloatArray, useful: list[tuple[int, int]], slack: go.FloatArray
) -> list[Row]:
    """The inequalities as ({column: coefficient}, limit), in the order of the head of this file."""
    tables = instance.tables
    models, shapes = tables.usable.shape
    x, y = shapes, shapes + len(useful)
    cv = np.ones(models) if instance.models.cv is None else instance.models.cv
    rows: list[Row] = []
    rows += [({y + j: 1.0 for j, (m, _) in enumerate(useful) if m == own}, float(rates[own])) for own in range(models)]
    rows += [({y + j: 1.0, x + j: -float(rates[m])}, 0.0) for j, (m, _) in enumerate(useful)]
    rows += [({x + j: 1.0, c: -1.0}, 0.0) for j, (_, c) in enumerate(useful)]
    for shape in range(shapes):
        hosted = [(j, m) for j, (m, c) in enumerate(useful) if c == shape]
        memory = {x + j: float(tables.weight_gib[m, shape]) for j, m in hosted}
        rows.append(({**memory, shape: -instance.budget_gib}, 0.0))
        stage = tables.slowest_s[:, shape]
        load = {y + j: float(stage[m] * (1 + cv[m] ** 2 * stage[m] / (2 * slack[m, shape]))) for j, m in hosted}
        rows.append(({**load, shape: -1.0}, 0.0))
    rows.append(({c: float(tables.size[c]) for c in range(shapes)}, float(instance.devices)))
    return rows


def _matrix(rows: list[Row], columns: int) -> tuple[sparse.csr_array, go.FloatArray]:
    entries = [(r, c, value) for r, (row, _) in enumerate(rows) for c, value in row.items()]
    r, c, value = (np.array(part) for part in zip(*entries, strict=True))
    return sparse.csr_array((value, (r, c)), shape=(len(rows), columns)), np.array([limit for _, limit in rows])


def _unpacked(x: go.FloatArray, useful: list[tuple[int, int]], shape: tuple[int, int]) -> Plan:
    replicas, served = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    for j, cell in enumerate(useful):
        replicas[cell] = round(x[shape[1] + j])
        served[cell] = max(0.0, x[shape[1] + len(useful) + j])
    return Plan(np.rint(x[: shape[1]]).astype(np.int64), replicas, served)


def _rates(instance: go.PlacementInstance) -> go.FloatArray:
    """(M,) requests a second in the planning workload."""
    planning = instance.planning
    return planning.per_model(len(instance.models)) / max(planning.duration_s, 1e-9)


def _dealt(scorer: Scorer, plan: Plan) -> go.serving.Code:
    """The replicas dealt to their shape's groups: heavy models first, each to the group with the least work that fits."""
    tables, groups = scorer.tables, list[Group]()
    for shape, number in enumerate(plan.groups.tolist()):
        masks, work = [0] * number, [0.0] * number
        for m in sorted(range(len(plan.replicas)), key=lambda m: -tables.weight_gib[m, shape]):
            replicas = int(plan.replicas[m, shape])
            each = plan.served_rps[m, shape] * tables.slowest_s[m, shape] / max(replicas, 1)
            for _ in range(replicas):
                able = [g for g in range(number) if m in scorer.hostable((shape, masks[g]))]
                g = min(able, key=lambda g: work[g], default=None)
                if g is not None:
                    masks[g] |= 1 << m
                    work[g] += each
        groups += [(shape, mask) for mask in masks]
    return canonical(groups)
