"""Placements scored by the simulator on the requests that methods may look at.

    score = attainment - mean latency / 10^4 + replicas / 10^6        (the released score; dropped requests count as 0 s)

Attainment decides; among equals the faster answers, then the larger number of replicas. A *shape* is the position of a
configuration, a *group* is (shape, models as a binary number), a *code* is a placement: its groups in canonical order.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

import gavelopt as go

Group = tuple[int, int]
Item = TypeVar("Item")


def canonical(groups: Iterable[Group]) -> go.serving.Code:
    """The code of the groups: those that host nothing left out, the others in canonical order."""
    return tuple(sorted(group for group in groups if group[1]))


class Scorer:
    """The planning requests of an instance, of all its models or of some, with the memory rule.

    ``models`` restricts requests and hosting to these positions; ``devices`` to fewer devices. Searches stop at
    ``deadline`` (on the clock of time.perf_counter) with the best so far.
    """

    def __init__(
        self,
        instance: go.PlacementInstance,
        models: Sequence[int] | None = None,
        devices: int | None = None,
        workload: go.Workload | None = None,
        deadline: float = np.inf,
    ) -> None:
        planning = instance.planning if workload is None else workload
        self.instance, self.tables = instance, instance.tables
        self.models = tuple(range(len(instance.models))) if models is None else tuple(models)
        self.devices = instance.devices if devices is None else devices
        self.workload = planning if models is None else planning.only(self.models)
        self.simulator = go.serving.ServingSimulator(instance, self.workload)
        chosen = np.isin(np.arange(len(instance.models)), self.models)
        self.usable = self.tables.usable & chosen[:, None]
        self.deadline = deadline
        self.spent = 0  # requests simulated so far: the effort of a search, the same on every machine
        self._load: dict[Group, float] = {}

    def twin(self) -> Scorer:
        """The same scorer with an effort of its own, for another thread."""
        other = copy.copy(self)
        other.spent = 0
        return other

    @property
    def shapes(self) -> list[int]:
        """Shapes that fit on the devices and can serve some model in time."""
        able = self.usable.any(axis=0) & (self.tables.size <= self.devices)
        return [int(c) for c in np.flatnonzero(able)]

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return time.perf_counter() > self.deadline

    @property
    def requests(self) -> int:
        """Requests that count."""
        return self.workload.counts

    def load(self, group: Group) -> float:
        """GiB on the fullest accelerator of a group."""
        if group not in self._load:
            shape, mask = group
            self._load[group] = float(self.tables.weight_gib[list(go.serving.positions(mask)), shape].sum())
        return self._load[group]

    def fits(self, group: Group) -> bool:
        """Whether the group's models fit into memory."""
        return self.load(group) <= self.instance.budget_gib

    def hostable(self, group: Group) -> list[int]:
        """The models that the group could take in addition."""
        shape, mask = group
        room = self.instance.budget_gib - self.load(group)
        able = self.usable[:, shape] & (self.tables.weight_gib[:, shape] <= room)
        return [int(m) for m in np.flatnonzero(able) if not mask >> int(m) & 1]

    def good(
        self, codes: Sequence[go.serving.Code], failures: int | None = None, best_only: bool = False
    ) -> go.IntArray:
        """(B,) counted requests in time; -1 where more than ``failures`` failed (see ServingSimulator.good)."""
        self.spent += len(codes) * len(self.workload)
        limit = self.requests if failures is None else failures
        return self.simulator.good(codes, failures=limit, best_only=best_only)

    def scores(self, codes: Sequence[go.serving.Code]) -> go.FloatArray:
        """(B,) scores; see the head of this file."""
        self.spent += len(codes) * len(self.workload)
        good, latency = self.simulator.score(*self.simulator.encode(codes))
        replicas = np.array([sum(mask.bit_count() for _, mask in code) for code in codes])
        return (good - latency / 1e4) / max(self.requests, 1) + replicas / 1e6

    def tally(self, groups: Sequence[Group]) -> tuple[int, go.IntArray, go.IntArray]:
        """(requests in time, (G,) requests served by each group, (M,) requests of each model left unserved), counted only."""
        order = sorted(range(len(groups)), key=lambda g: groups[g])
        self.spent += len(self.workload)
        served, missed = self.simulator.tally(tuple(groups[g] for g in order))
        routed = np.empty(len(groups), dtype=np.int64)
        routed[order] = served
        return int(served.sum()), routed, missed


def spread(
    scorer: Scorer, task: Callable[[Scorer, Item], tuple[go.serving.Code, int]], items: Sequence[Item]
) -> list[tuple[go.serving.Code, int]]:
    """``task(scorer, item)`` for every item, on all cores (the simulator releases Python's lock); results in order.

    Every item has a scorer of its own, so that efforts, and with them results, do not depend on the number of cores.
    """
    twins = [scorer.twin() for _ in items]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = list(pool.map(task, twins, items))
    scorer.spent += sum(twin.spent for twin in twins)
    return found


def instance_of(problem: go.Problem) -> go.PlacementInstance:
    """The problem's instance. Raises InputError for another kind."""
    instance: object = problem.instance
    if not isinstance(instance, go.PlacementInstance):
        raise go.InputError("this method needs an instance of kind 'placement'", seen=type(instance).__name__)
    return instance


def answer(problem: go.Problem, plan: go.Placement | go.PlacementSchedule, *notes: str, **extra: object) -> go.Answer:
    """The plan as an answer; the attainment on the planning requests goes into the details."""
    instance = instance_of(problem)
    details: dict[str, object] = {"replicas": plan.replicas, **extra}
    if instance.training is not None and isinstance(plan, go.Placement):
        details["training_attainment"] = go.serving.simulate_serving(instance, plan, instance.training).attainment
    return go.Answer(np.zeros(0), plan=plan, notes=notes, details=details)
