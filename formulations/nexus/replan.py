"""Re-planning: among the packings with the fewest GPUs (or the least cost), one that moves as little as possible.

    minimise    sum_{j, S} |S \\ O_j| z_jS          old GPU j, with sessions O_j, now holds S;  a fresh GPU has O = {}
    subject to  sum_{j, S contains k} z_jS >= 1     every residual k                     (price y_k)
                sum_S z_jS <= 1                     every old GPU j                      (price sigma_j)
                sum_{j, S} c_j z_jS <= C            C: the least cost, from exact.py     (price mu)

A move is a model loaded on a GPU that did not have it. Columns are priced as in the packing itself: for every old GPU (and
for a fresh one of each type) a knapsack with values  y_k - [k not in O_j]  must beat  sigma_j + mu c_j. The integer program
over the columns gives the plan, the relaxation rounded up the bound on moves. Whole GPUs are kept for whole GPUs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

import gavelopt as go
from formulations.nexus.exact import packed
from formulations.nexus.patterns import Knapsacks, knapsacks
from formulations.nexus.pricing import best_sets
from formulations.nexus.residuals import Bin, Residuals, cost_of, plan_of, residuals_of

SLACK = 1e-6
PER_HOST = 2  # columns added for one host in one round


@dataclass(frozen=True, eq=False)
class Host:
    """A GPU of the old plan that is free for residuals, or (old False) any number of fresh ones of a type."""

    accelerator: int
    members: frozenset[int]
    old: bool


@dataclass(frozen=True)
class Column:
    """host: its position; row: of the knapsacks; sessions; moves: models to be loaded."""

    host: int
    row: int
    sessions: tuple[int, ...]
    moves: int


def replan(problem: go.Problem, previous: go.PackingPlan | None = None, search_seconds: float = 60.0) -> go.Answer:
    """The packing with the fewest moves from ``previous`` among those with the fewest GPUs.

    Without a previous plan nothing runs yet, and every model has to be loaded.

    Raises:
        InputError: ``previous`` is no plan.
    """
    if previous is not None and not isinstance(previous, go.PackingPlan):
        raise go.InputError(
            "option 'previous' is not a packing plan", seen=type(previous).__name__, fix="give the plan of a solution"
        )
    phase, residuals = residuals_of(problem)
    deadline = problem.deadline if np.isfinite(problem.deadline) else _now() + search_seconds
    search, prices = packed(residuals, deadline)
    packing = search.packing()
    hosts, loads = _hosts(residuals, phase, previous or go.PackingPlan(residuals.instance, ()))
    bins, moves, bound = _fewest_moves(residuals, hosts, packing, deadline)
    base = int((phase.whole @ residuals.price).sum())
    return go.Answer(
        np.zeros(0),
        plan=plan_of(phase, residuals, bins),
        multipliers=prices,
        claimed_bound=(base + search.lower) / 1e6,
        notes=(*search.notes, f"{loads + moves} models to load, no packing as small needs fewer than {loads + bound}"),
        details={"moves": loads + moves, "moves_bound": loads + bound},
    )


def _now() -> float:
    import time

    return time.perf_counter()


def _hosts(residuals: Residuals, phase: go.packing.Saturation, previous: go.PackingPlan) -> tuple[list[Host], int]:
    """Old GPUs that residuals may stay on, fresh ones; and the models to load on whole GPUs that are new."""
    instance = residuals.instance
    place = {name: k for k, name in enumerate(instance.sessions.names)}
    local = {int(k): at for at, k in enumerate(residuals.members)}
    kinds = {name: t for t, name in enumerate(instance.accelerators)}
    needed: Counter[tuple[int, int]] = Counter(
        {(int(k), int(t)): int(phase.whole[k, t]) for k, t in np.argwhere(phase.whole > 0)}
    )
    hosts: list[Host] = []
    for cycle in previous.cycles:
        kind = kinds.get(previous.accelerators[cycle.accelerator])
        names = [previous.sessions[k] for k in cycle.sessions]
        sessions = [place[name] for name in names if name in place]
        if kind is None:
            continue
        free = cycle.count
        if len(names) == 1 and sessions:
            kept = min(free, needed[sessions[0], kind])
            needed[sessions[0], kind] -= kept
            free -= kept
        here = frozenset(local[k] for k in sessions if k in local)
        hosts += [Host(kind, here, True)] * min(free, len(residuals)) if here else []
    hosts += [Host(t, frozenset(), False) for t in range(residuals.types) if residuals.room[t] > 0]
    return hosts, sum(needed.values())


def _fewest_moves(
    residuals: Residuals, hosts: list[Host], bins: list[Bin], deadline: float
) -> tuple[list[Bin], int, int]:
    """(bins, moves, bound on moves) at the cost of ``bins``."""
    if not len(residuals):
        return [], 0, 0
    table = knapsacks(residuals)
    columns = _matched(table, hosts, bins)
    limit = cost_of(residuals, bins)
    bound = 0
    while _now() < deadline:
        solved = optimize.linprog(
            [c.moves for c in columns], *_rows(residuals, hosts, columns, limit), bounds=(0, None), method="highs"
        )
        if solved.status != 0:
            raise go.SolverError(f"HiGHS ended with {solved.message!r}")
        price = -np.minimum(solved.ineqlin.marginals, 0.0)
        new = _priced(residuals, table, hosts, price)
        known = {(c.host, c.sessions) for c in columns}
        fresh = [c for c in new if (c.host, c.sessions) not in known]
        if not fresh:
            bound = int(np.ceil(solved.fun - SLACK))
            break
        columns += fresh
    best = _integral(residuals, hosts, columns, limit, deadline - _now())
    placed: set[int] = set()
    plan: list[Bin] = []
    moves = 0
    for column in best:
        kept = tuple(k for k in column.sessions if k not in placed)
        placed.update(kept)
        moves += len(set(kept) - hosts[column.host].members)
        if kept:
            plan.append((int(table.kind[column.row]), int(table.duty[column.row]), kept))
    return plan, moves, bound


def _matched(table: Knapsacks, hosts: list[Host], bins: list[Bin]) -> list[Column]:
    """The packing in hand as columns, its GPUs matched to old ones so that most sessions stay."""
    old = [at for at, host in enumerate(hosts) if host.old]
    stay = np.array(
        [
            [len(hosts[at].members.intersection(bin[2])) if hosts[at].accelerator == bin[0] else -1 for at in old]
            for bin in bins
        ]
    ).reshape(len(bins), len(old))
    partner = dict(zip(*(part.tolist() for part in optimize.linear_sum_assignment(-stay)), strict=True))
    columns = []
    for position, (kind, _, sessions) in enumerate(bins):
        at = partner.get(position)
        fits = at is not None and stay[position, at] > 0
        host = old[at] if fits and at is not None else _fresh(hosts, kind)
        row = int(np.argmax((table.kind == kind) & _holds(table, sessions)))
        columns.append(Column(host, row, tuple(sorted(sessions)), len(set(sessions) - hosts[host].members)))
    return columns


def _holds(table: Knapsacks, sessions: tuple[int, ...]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    weight, memory = table.weight[:, list(sessions)], table.memory[:, list(sessions)]
    fits = (weight > 0).all(axis=1) & (weight.sum(axis=1) <= table.duty) & (memory.sum(axis=1) <= table.limit)
    return np.asarray(fits)


def _fresh(hosts: list[Host], kind: int) -> int:
    return next(at for at, host in enumerate(hosts) if not host.old and host.accelerator == kind)


def _rows(
    residuals: Residuals, hosts: list[Host], columns: list[Column], limit: int
) -> tuple[sparse.csr_array, go.FloatArray]:
    """A z <= b: -coverage, old GPUs, cost, and GPUs of each type."""
    n = len(residuals)
    entries = [(k, at, -1.0) for at, c in enumerate(columns) for k in c.sessions]
    for at, column in enumerate(columns):
        host = hosts[column.host]
        if host.old:
            entries.append((n + column.host, at, 1.0))
        entries.append((n + len(hosts), at, float(residuals.price[host.accelerator]) / 1e6))
        entries.append((n + len(hosts) + 1 + host.accelerator, at, 1.0))
    row, place, value = (np.array(part) for part in zip(*entries, strict=True))
    shape = (n + len(hosts) + 1 + residuals.types, len(columns))
    limits = np.concatenate(
        [-np.ones(n), np.ones(len(hosts)), [limit / 1e6], np.minimum(residuals.room, n).astype(float)]
    )
    return sparse.csr_array((value, (row.astype(int), place.astype(int))), shape=shape), limits


def _priced(residuals: Residuals, table: Knapsacks, hosts: list[Host], price: go.FloatArray) -> list[Column]:
    """Columns of negative reduced cost, a few for each host."""
    n, found = len(residuals), []
    cost, room = price[n + len(hosts)], price[n + len(hosts) + 1 :]
    for at, host in enumerate(hosts):
        rows = np.flatnonzero(table.kind == host.accelerator)
        part = Knapsacks(*(getattr(table, name)[rows] for name in table.__dataclass_fields__))
        moved = np.array([float(k not in host.members) for k in range(n)])
        target = price[n + at] * host.old + cost * residuals.price[host.accelerator] / 1e6 + room[host.accelerator]
        sets, _ = best_sets(part, price[:n] - moved, np.full(len(rows), target + SLACK), share=0.5)
        for _, row, sessions in sets[:PER_HOST]:
            found.append(Column(at, int(rows[row]), sessions, len(set(sessions) - host.members)))
    return found


def _integral(
    residuals: Residuals, hosts: list[Host], columns: list[Column], limit: int, seconds: float
) -> list[Column]:
    matrix, limits = _rows(residuals, hosts, columns, limit)
    solved = optimize.milp(
        [c.moves for c in columns],
        constraints=optimize.LinearConstraint(matrix, -np.inf, limits),
        integrality=np.ones(len(columns)),
        bounds=optimize.Bounds(0, 1),
        options={"time_limit": max(seconds, 1.0)},
    )
    if solved.x is None:
        raise go.OutOfTime("no plan with few moves was found in time")
    return [columns[at] for at in np.flatnonzero(solved.x > 0.5)]
