"""The exact method: a bound from column generation, a packing that meets it, and a search where none does.

    1  the best of greedy and repeated knapsack, U; where U meets the occupancy bound it is optimal
    2  column generation (columns.py): z and the prices y, nu that prove it
    3  where U > z rounded up: diving (round the largest x up, price again, repeat) and the integer program over the columns
    4  where a gap is left: enumeration of every set that a better packing could use (enumeration.py)
    5  where those are too many: branch-and-price (branching.py)

The prices go to the judge, which finds the bound of step 2 again by itself. What steps 4 and 5 add to the bound cannot be
condensed into prices; it is handed over as the method's claim and reported as claimed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import gcd

import numpy as np

import gavelopt as go
from formulations.nexus.branching import branch_and_price
from formulations.nexus.columns import Column, Master, Relaxation, cover
from formulations.nexus.enumeration import all_sets
from formulations.nexus.greedy import best_fit
from formulations.nexus.knapsack import repeated_knapsack
from formulations.nexus.patterns import Knapsacks, knapsacks
from formulations.nexus.residuals import Bin, Residuals, cost_of, plan_of, residuals_of
from formulations.nexus.squishy import BATCH_RULES

FINE = 1e9  # prices of the proof are whole billionths
SLACK = 1e-6  # of z, before it is rounded up
DIVES = 4


@dataclass
class Search:
    """The best packing so far and what is known of the optimum, in millionths of a price."""

    residuals: Residuals
    deadline: float
    bins: list[Bin] | None = None
    upper: int = 1 << 60
    lower: int = 0
    notes: list[str] = field(default_factory=list)

    def seconds_left(self) -> float:
        return self.deadline - time.perf_counter()

    def offer(self, bins: list[Bin], name: str) -> None:
        """Keeps ``bins`` if they are cheaper than the best so far."""
        cost = cost_of(self.residuals, bins)
        if cost < self.upper:
            self.bins, self.upper = bins, cost
            self.notes.append(f"{name}: {len(bins)} shared GPUs")

    def packing(self) -> list[Bin]:
        """The best packing. Raises Infeasible where it is proved that there is none, OutOfTime where none was found."""
        if self.bins is not None:
            return self.bins
        if self.closed:
            raise go.Infeasible("no packing of the residuals keeps within the GPUs there are")
        raise go.OutOfTime("no packing within the GPUs there are was found in time")

    @property
    def step(self) -> int:
        """The least by which two costs differ."""
        return max(1, gcd(*(int(price) for price in self.residuals.price)))

    def round_up(self, value: float) -> int:
        """A bound in millionths, rounded up to what a packing can cost."""
        return int(np.ceil((value - SLACK * 1e6) / self.step)) * self.step

    @property
    def closed(self) -> bool:
        return self.lower >= self.upper

    def stopped(self) -> bool:
        return self.closed or self.seconds_left() <= 0


def exact(problem: go.Problem, search_seconds: float = 45.0) -> go.Answer:
    """Optimal packing. search_seconds limits steps 3 to 5 where the problem has no time limit of its own."""
    if getattr(problem.policy, "variant", "unsplit") == "split":
        from formulations.nexus.split import exact_split

        return exact_split(problem, search_seconds)
    phase, residuals = residuals_of(problem)
    search, prices = packed(residuals, min(problem.deadline, time.perf_counter() + search_seconds))
    base = int((phase.whole @ residuals.price).sum())
    return go.Answer(
        np.zeros(0),
        plan=plan_of(phase, residuals, search.packing()),
        multipliers=prices,
        claimed_bound=(base + search.lower) / 1e6,
        notes=tuple(search.notes),
    )


def packed(residuals: Residuals, deadline: float, root_only: bool = False) -> tuple[Search, go.packing.PatternPrices]:
    """The best packing of the residuals by steps 1 to 5, and the prices that prove the bound of step 2.

    root_only: steps 1 and 2, and these even where the heuristics are proved optimal: for the prices.
    """
    search = Search(residuals, deadline)
    _start(search)
    if not len(residuals) or (search.closed and not root_only):
        return search, go.packing.PatternPrices()
    table = knapsacks(residuals)
    master = Master(table, len(residuals), residuals.room)
    master.add(_columns(table, search.bins or []))
    root = master.relax(search.seconds_left)
    prices = _proof(residuals, root, master.unit)
    if root.complete:
        if root.artificial > 1e-6:
            search.lower = 1 << 60
            return search, prices
        search.lower = max(search.lower, search.round_up(root.value * master.unit))
        search.notes.append(f"column generation: {len(master.columns)} duty cycles, bound {root.value:.4f}")
    if root_only:
        return search, prices
    if not search.stopped():
        _round(search, master, root)
    if not search.stopped() and root.complete:
        _enumerate(search, master, root)
    if not search.stopped() and root.complete:
        branch_and_price(search, table, master.columns)
    return search, replace(prices, search=search.closed)


def _start(search: Search) -> None:
    """Step 1. A heuristic that runs out of GPUs is no proof; the search then starts without it."""
    residuals = search.residuals
    starts: list[tuple[str, Callable[[], list[Bin]]]] = [("knapsack", lambda: repeated_knapsack(residuals))]
    starts += [(f"greedy ({rule})", lambda rule=rule: best_fit(residuals, rule)[0]) for rule in BATCH_RULES]  # type: ignore[misc]
    for name, build in starts:
        try:
            search.offer(build(), name)
        except go.SolverError as error:
            search.notes.append(str(error))
    rate = np.zeros(len(residuals.instance.sessions), dtype=np.int64)
    rate[residuals.members] = residuals.rate
    search.lower = max(0, search.round_up(float(go.packing.occupancy(residuals.instance, residuals.price, rate).sum())))


def _columns(table: Knapsacks, bins: list[Bin]) -> list[Column]:
    """The knapsack rows in which these GPUs fit, with their items."""
    found = []
    for kind, _, sessions in bins:
        items = list(sessions)
        weight, memory = table.weight[:, items], table.memory[:, items]
        fits = (table.kind == kind) & (weight > 0).all(axis=1) & (weight.sum(axis=1) <= table.duty)
        fits &= memory.sum(axis=1) <= table.limit
        if fits.any():
            found.append((int(np.argmax(fits)), tuple(sorted(sessions))))
    return found


def _proof(residuals: Residuals, root: Relaxation, unit: float) -> go.packing.PatternPrices:
    sessions = np.zeros(len(residuals.instance.sessions), dtype=np.int64)
    # no price is 0, so that the judge's search has to cover every session
    sessions[residuals.members] = np.maximum(np.floor(root.y * unit / 1e6 * FINE), 1.0)
    types = np.zeros(residuals.types, dtype=np.int64)
    types[: len(root.nu)] = np.ceil(root.nu * unit / 1e6 * FINE)
    return go.packing.PatternPrices(sessions=sessions, types=types)


def bins_of(table: Knapsacks, columns: list[Column]) -> list[Bin]:
    """GPUs from covering columns: a session that several cover stays on the first."""
    placed: set[int] = set()
    bins = []
    for row, items in columns:
        kept = tuple(k for k in items if k not in placed)
        placed.update(kept)
        if kept:
            bins.append((int(table.kind[row]), int(table.duty[row]), kept))
    return bins


def _round(search: Search, master: Master, root: Relaxation) -> None:
    """Step 3."""
    for attempt in range(DIVES):
        if search.stopped():
            return
        chosen = _dive(search, master, root, attempt)
        if chosen is not None:
            search.offer(bins_of(master.table, [master.columns[c] for c in chosen]), f"diving from {attempt + 1}")
    if not search.stopped():
        found, _ = cover(master, range(len(master.columns)), min(search.seconds_left(), 5.0))
        if found is not None:
            search.offer(bins_of(master.table, [master.columns[c] for c in found]), "integer program over the columns")


def _dive(search: Search, master: Master, root: Relaxation, attempt: int) -> list[int] | None:
    """Columns rounded up one after the other, the ``attempt``-th largest first; None where they cannot beat U."""
    fixed: list[int] = []
    now = root
    try:
        while True:
            x = now.x.copy()
            x[fixed] = -1.0
            if x.max(initial=-1.0) <= SLACK:
                return fixed if now.artificial <= SLACK else None
            sure = np.flatnonzero(x > 1.0 - SLACK).tolist()
            rank = np.argsort(-x, kind="stable")
            positive = int((x > SLACK).sum())
            fixed += sure or [int(rank[min(attempt if not fixed else 0, positive - 1)])]
            master.fix(fixed)
            now = master.relax(search.seconds_left)
            if search.seconds_left() <= 0 or search.round_up(now.value * master.unit) >= search.upper:
                return None
    finally:
        master.fix([])


def _enumerate(search: Search, master: Master, root: Relaxation) -> None:
    """Step 4."""
    slack = (search.upper - search.step) / master.unit - root.value
    least = master.cost + root.nu[master.table.kind] - slack - SLACK
    sets = all_sets(master.table, root.y, least)
    if sets is None:
        search.notes.append("enumeration: too many sets")
        return
    fresh = Master(master.table, master.items, master.room)
    fresh.columns = sets
    found, proved = cover(fresh, range(len(sets)), search.seconds_left())
    search.notes.append(f"enumeration: {len(sets)} sets, {'decided' if proved else 'undecided'}")
    if found is not None:
        search.offer(bins_of(master.table, [sets[c] for c in found]), "enumeration")
    if proved:
        search.lower = search.upper
