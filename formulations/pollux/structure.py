"""The rows of the placement program: what jobs take, and what nodes supply.

    one option a job       sum_o x_jo <= 1
    slots of r GPUs        sum of one-node options with r GPUs       <=  sum_F z_F slots_r(F)      every type, r = 1..R
    parts of f GPUs        sum of parts f of distributed options     <=  sum_F z_F [part(F) = f]   every type, f = 1..R
    nodes                  sum_F z_F <= n                                                          every class of nodes

z_F counts the nodes that hold filling F (``fillings.py``). Nodes of one type that offer the same form a class. A node whose
jobs could keep their rows is a class of its own, with fillings of every size and two rows more:

    GPUs      sum_F GPUs(F) z_F + sum_j a_jn keep_j <= R_n
    apart     sum_F [part(F) > 0] z_F + sum_(j across nodes) keep_j <= 1

Where distributed jobs need not keep apart, parts are counted in GPUs: one row a type instead of R.
The program is exact: a filling is what one node can hold, the parts of a job come from different nodes, and which node of a
class it is makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

import gavelopt as go
from formulations.pollux.fillings import Filling, fillings
from formulations.pollux.question import Question


@dataclass(frozen=True)
class NodeClass:
    """Nodes that offer the same: type, GPUs left by jobs that may not move, whether a distributed job may come."""

    kind: int
    capacity: int
    open: bool
    nodes: tuple[int, ...]
    held: bool  # one node, on which jobs could keep their rows


class Structure:
    """Row numbers and supply columns for a question. Rows are ``<=``; ``limit`` (rows,) is their right-hand side."""

    def __init__(self, question: Question) -> None:
        self.question = question
        instance = question.instance
        types, self.jobs = len(instance.cluster), len(instance.jobs)
        self.size = [int(n) for n in instance.gpus_per_node]
        self.classes = node_classes(question)
        self.limit: list[float] = [1.0] * self.jobs
        self.slot = [self._rows(self.size[t]) for t in range(types)]
        self.part = [self._rows(self.size[t] if question.apart else 1) for t in range(types)]
        self.count = [self._row(float(len(c.nodes))) for c in self.classes]
        self.gpus = {c.nodes[0]: self._row(float(c.capacity)) for c in self.classes if c.held}
        self.apart = {c.nodes[0]: self._row(float(c.open)) for c in self.classes if c.held and question.apart}

    def _row(self, limit: float) -> int:
        self.limit.append(limit)
        return len(self.limit) - 1

    def _rows(self, number: int) -> list[int]:
        return [self._row(0.0) for _ in range(number)]

    @cached_property
    def supply(self) -> list[tuple[int, Filling]]:
        """Every (class, filling)."""
        found = []
        for at, c in enumerate(self.classes):
            sizes = range(c.capacity + 1) if c.held else range(c.capacity, c.capacity + 1)
            parts = c.open and self.question.apart
            found += [(at, filling) for size in sizes for filling in fillings(size, parts)]
        if not self.question.apart:
            found = [(at, thinner) for at, filling in found for thinner in _thinner(filling)]
        return found

    def supply_entries(self, at: int, filling: Filling) -> list[tuple[int, float]]:
        """The column of z for a filling of class ``at``."""
        c = self.classes[at]
        entries = [(self.slot[c.kind][r - 1], -float(filling.slots.count(r))) for r in set(filling.slots)]
        entries.append((self.count[at], 1.0))
        if filling.part and self.question.apart:
            entries.append((self.part[c.kind][filling.part - 1], -1.0))
        elif filling.part:
            entries.append((self.part[c.kind][0], -float(filling.part)))
        if c.held:
            entries.append((self.gpus[c.nodes[0]], float(filling.gpus)))
            if filling.part and self.question.apart:
                entries.append((self.apart[c.nodes[0]], 1.0))
        return entries

    def demand_entries(self, kind: int, parts: Sequence[int]) -> list[tuple[int, float]]:
        """What one job takes: a slot for one part, parts otherwise."""
        if len(parts) == 1:
            return [(self.slot[kind][parts[0] - 1], 1.0)]
        if not self.question.apart:
            return [(self.part[kind][0], float(sum(parts)))]
        return [(self.part[kind][f - 1], float(parts.count(f))) for f in sorted(set(parts))]

    def keep_entries(self, job: int) -> list[tuple[int, float]]:
        """What a job takes that keeps its row."""
        row = self.question.present[job]
        nodes = np.flatnonzero(row)
        entries = [(self.gpus[int(n)], float(row[n])) for n in nodes]
        if len(nodes) > 1 and self.question.apart:
            entries += [(self.apart[int(n)], 1.0) for n in nodes]
        return entries

    def prices(self, dual: go.FloatArray) -> go.elastic.bounds.NodePrices:
        """Row duals (>= 0) as the proof that the judge reads: parts as dear as the nodes' earnings allow."""
        instance = self.question.instance
        most = max(self.size, default=1)
        slot, part = np.zeros((instance.nodes, most)), np.zeros((instance.nodes, most))
        for kind, size in enumerate(self.size):
            nodes = instance.node_type == kind
            own = np.maximum.accumulate(dual[self.slot[kind]])  # a larger slot could hold the dearer job
            if self.question.apart:
                across = self._dearest(kind, own, dual)
            else:
                across = dual[self.part[kind][0]] * np.arange(1, size + 1)
            slot[np.ix_(nodes, range(size))] = own
            part[np.ix_(nodes, range(size))] = across
        kept = None
        if self.gpus:
            kept = np.zeros((instance.nodes, 2))
            for node, row in self.gpus.items():
                kept[node, 0] = dual[row]
                kept[node, 1] = dual[self.apart[node]] if self.question.apart else 0.0
        return go.elastic.bounds.NodePrices(slot=slot, part=part, kept=kept, unit=self.question.unit)

    def _dearest(self, kind: int, slot: go.FloatArray, dual: go.FloatArray) -> go.FloatArray:
        """(R,) the highest prices of parts at which no node earns more than its rows are worth."""
        highest = np.full(len(slot), np.inf)
        none = np.full(len(slot), -np.inf)
        for at, c in enumerate(self.classes):
            if c.kind != kind or not c.open:
                continue
            for f in range(1, c.capacity + 1):
                rest = c.capacity - f
                worth = dual[self.count[at]]
                if c.held:
                    worth += dual[self.gpus[c.nodes[0]]] * c.capacity + dual[self.apart[c.nodes[0]]]
                beside = go.elastic.bounds.best_filling(rest, slot, none, True)
                highest[f - 1] = min(highest[f - 1], worth - beside)
        given = dual[self.part[kind]]
        return np.where(np.isfinite(highest), np.maximum(highest, given), given)


def node_classes(question: Question) -> list[NodeClass]:
    """The nodes, grouped by what they offer."""
    instance, speedups = question.instance, question.speedups
    pinned = question.present * speedups.pinned[:, None]
    free = instance.node_gpus - pinned.sum(axis=0)
    across = (pinned > 0).sum(axis=1) > 1
    open_ = np.asarray(~(pinned[across] > 0).any(axis=0)) if question.apart else np.ones(instance.nodes, dtype=bool)
    movable = np.isfinite(question.kept) & ~speedups.pinned
    held = np.asarray((question.present[movable] > 0).any(axis=0))
    groups: dict[tuple[int, int, bool, int], list[int]] = {}
    for node in range(instance.nodes):
        alone = node if held[node] else -1
        groups.setdefault((int(instance.node_type[node]), int(free[node]), bool(open_[node]), alone), []).append(node)
    return [NodeClass(k, c, o, tuple(nodes), alone >= 0) for (k, c, o, alone), nodes in groups.items() if c > 0]


def _thinner(filling: Filling) -> list[Filling]:
    """The filling with GPUs of its smallest slots given to the distributed jobs: every sub-multiset of its slots."""
    found = set()
    for mask in range(1 << len(filling.slots)):
        kept = tuple(s for at, s in enumerate(filling.slots) if mask >> at & 1)
        found.add(Filling(filling.gpus - sum(kept), kept))
    return sorted(found, key=lambda f: (f.part, f.slots))
