"""What the prices leave open, searched: a proof for small instances that no bound from prices can give.

Under any prices (``elastic_bounds.py``) a plan that gives option o_j to job j is worth at most

    sum_j max_o (u_jo - pay_o) + earnings  -  sum_j loss_j(o_j),        loss_j(o) = max_o' (u_jo' - pay_o') - (u_jo - pay_o)

so a plan better than the one at hand has losses of less than the gap in all. Those combinations are listed job by job; each
that would be better is tried on the nodes, exhaustively. If none can be placed, the plan at hand is proved best. For the
minimum (p = -inf) the combinations are those in which every job exceeds the level at hand, at prices that the nodes can earn.

The search gives up after a fixed number of steps: it proves, or it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gavelopt.judge.elastic_bounds import NodePrices, earnings, option_prices, rounded_up
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.speedups import Speedups, box_cox

MOST_JOBS, MOST_NODES = 16, 8
STEPS = 6_000  # of the search over combinations, and of all placements together
Node = tuple[int, int, bool]  # type, free GPUs, whether a distributed job may come
Demand = tuple[int, int, bool]  # GPUs, type, across nodes


class GaveUp(Exception):
    """The search met its limit."""


@dataclass(eq=False)
class Search:
    """Options of J jobs as columns: C configurations, keeping the row, nothing. worth, pay: (J, C + 2).

    Set by ``best_above``: the bound under these prices, the best sum found, losses, the options of each job in the order
    of the search with (job, options by rising loss), and what the jobs still to come can add at most.
    """

    speedups: Speedups
    apart: bool
    worth: FloatArray
    pay: FloatArray
    earned: float
    steps: int = 0
    ceiling: float = np.inf
    found: float = -np.inf
    loss: FloatArray = field(default_factory=lambda: np.zeros(0))
    rest: FloatArray = field(default_factory=lambda: np.zeros(0))
    lists: list[tuple[int, list[int]]] = field(default_factory=list)

    @cached_property
    def net(self) -> FloatArray:
        """(J, C + 2) utility after payment."""
        return self.worth - self.pay

    def best_above(self, floor: float) -> float:
        """The greatest sum of worths of a plan if it exceeds ``floor``, else ``floor``. Raises GaveUp."""
        top = self.net.max(axis=1)
        self.ceiling, self.found = float(top.sum()) + self.earned, floor
        self.loss = top[:, None] - self.net
        gap = self.ceiling - floor
        lists = [np.flatnonzero(row <= gap) for row in self.loss]
        order = np.argsort([len(options) for options in lists], kind="stable").tolist()
        self.lists = [
            (job, lists[job][np.argsort(self.loss[job, lists[job]], kind="stable")].tolist()) for job in order
        ]
        most = np.array([self.worth[job, options].max(initial=-np.inf) for job, options in self.lists])
        self.rest = np.append(np.cumsum(most[::-1])[::-1], 0.0)
        self._grow(0.0, 0.0, {}, self.speedups.instance.cluster.count)
        return self.found

    def _grow(self, lost: float, total: float, choice: dict[int, int], free: FloatArray) -> None:
        """Every combination that goes on from ``choice`` and could exceed what was found."""
        self._step()
        at = len(choice)
        if self.ceiling - lost <= self.found or total + self.rest[at] <= self.found:
            return
        if at == len(self.lists):
            if self.placeable(choice):
                self.found = total
            return
        job, options = self.lists[at]
        for option in options:
            left = free - self.gpus[job, option]
            if (left >= 0).all():
                after = total + float(self.worth[job, option])
                self._grow(lost + float(self.loss[job, option]), after, {**choice, job: option}, left)

    @cached_property
    def gpus(self) -> FloatArray:
        """(J, C + 2, R) GPUs of each type that an option takes."""
        instance, ways = self.speedups.instance, self.speedups.ways
        taken = np.zeros((*self.worth.shape, len(instance.cluster)))
        taken[:, np.arange(len(ways)), ways.type] = ways.gpus
        if instance.current is not None:
            for kind in range(len(instance.cluster)):
                taken[:, len(ways), kind] = instance.current[:, instance.node_type == kind].sum(axis=1)
        return taken

    def _step(self) -> None:
        self.steps += 1
        if self.steps > STEPS:
            raise GaveUp

    def placeable(self, choice: dict[int, int]) -> bool:
        """Whether the options stand side by side on the nodes."""
        instance, ways = self.speedups.instance, self.speedups.ways
        free, open_ = instance.node_gpus.copy(), np.ones(instance.nodes, dtype=bool)
        demands: list[Demand] = []
        for job, option in choice.items():
            if option < len(ways):
                demands.append((int(ways.gpus[option]), int(ways.type[option]), bool(ways.spread[option])))
            elif option == len(ways):
                assert instance.current is not None
                row = instance.current[job]
                across = bool((row > 0).sum() > 1) and self.apart
                if (row > free).any() or (across and not open_[row > 0].all()):
                    return False
                free -= row
                open_[row > 0] &= not across
        nodes = tuple((int(k), int(f), bool(o)) for k, f, o in zip(instance.node_type, free, open_, strict=True) if f)
        return self._fits(tuple(sorted(nodes)), tuple(sorted(demands, reverse=True)))

    def _fits(self, nodes: tuple[Node, ...], demands: tuple[Demand, ...]) -> bool:
        self._step()
        if not demands:
            return True
        (gpus, kind, across), rest = demands[0], demands[1:]
        tried = set()
        for after in self._placings(nodes, gpus, kind, across):
            self._step()
            state = tuple(sorted(after))
            if state not in tried:
                tried.add(state)
                if self._fits(state, rest):
                    return True
        return False

    def _placings(self, nodes: tuple[Node, ...], gpus: int, kind: int, across: bool) -> Iterator[tuple[Node, ...]]:
        """The nodes after one job, in every way that differs."""
        if not across:
            for at, (k, free, open_) in enumerate(nodes):
                if k == kind and free >= gpus:
                    yield (*nodes[:at], (k, free - gpus, open_), *nodes[at + 1 :])
            return

        def spread(at: int, left: int, done: tuple[Node, ...], parts: int) -> Iterator[tuple[Node, ...]]:
            self._step()
            if left == 0:
                if parts > 1:
                    yield (*done, *nodes[at:])
                return
            if at == len(nodes):
                return
            k, free, open_ = nodes[at]
            yield from spread(at + 1, left, (*done, nodes[at]), parts)
            if k == kind and (open_ or not self.apart):
                for part in range(1, min(free, left) + 1):
                    node = (k, free - part, open_ and not self.apart)
                    yield from spread(at + 1, left - part, (*done, node), parts + 1)

        yield from spread(0, gpus, (), 0)


def searched_bound(
    speedups: Speedups, p: float, epsilon: float, apart: bool, prices: NodePrices, plan: IntArray
) -> float | None:
    """The sum of utilities (at p = -inf: 0 or 1) of the best plan, if it is ``plan``'s or a search finds it; None otherwise.

    At p = -inf the answer is 0 where no plan has a higher minimum, and None otherwise.
    """
    if prices.slot is None or len(speedups.kept) > MOST_JOBS or speedups.instance.nodes > MOST_NODES:
        return None
    x = speedups.of_plan(plan)
    jobs = len(x)
    pay, pay_kept = option_prices(speedups, apart, prices)
    pays = np.concatenate([pay, pay_kept[:, None], np.zeros((jobs, 1))], axis=1)
    idle = np.where(speedups.pinned, np.nan, 0.0)
    table = np.concatenate([speedups.of, speedups.kept[:, None], idle[:, None]], axis=1)
    if p == -np.inf:
        worth = np.where(np.nan_to_num(table, nan=-np.inf) > x.min() * (1.0 + 1e-12), 0.0, -np.inf)
        if not np.isfinite(worth.max(axis=1)).all():
            return 0.0
        floor = -1e-9
    else:
        worth = np.nan_to_num(box_cox((table + epsilon) / prices.unit, p), nan=-np.inf, neginf=-np.inf)
        floor = float(box_cox((x + epsilon) / prices.unit, p).sum())
    search = Search(speedups, apart, worth, pays, earnings(speedups.instance, apart, prices))
    try:
        best = search.best_above(floor)
    except GaveUp:
        return None
    if p == -np.inf:
        return 0.0 if best == floor else None
    return rounded_up(best, worth.max(axis=1))
