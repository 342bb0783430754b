"""The clusters of given groups over a set of models, in batches: the arrays of enumeration.py, made and moved on."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

import gavelopt as go

BATCH = 4096  # clusters
BUDGET = 50_000  # nodes, so that the time is looked at now and then


class Tree:
    """All clusters of groups of the shapes ``cut`` (ascending) that host exactly ``models`` (a set as a binary number).

    hostable: for each shape the sets of models that fit; requests (2^M,) of every set of models; most (C, 2^M) the bound u;
    outlook: the bound of prices. ``found`` (B, G) holds the clusters of the last batch; ``seen`` counts nodes.
    """

    def __init__(
        self,
        models: int,
        cut: tuple[int, ...],
        hostable: Sequence[Sequence[int]],
        requests: go.IntArray,
        most: go.IntArray,
        outlook: go.serving.Outlook,
    ) -> None:
        order = sorted(go.serving.positions(models), key=lambda m: -int(requests[1 << m]))
        self.cut, self.outlook, self.seen, self.over, size = cut, outlook, 0, False, len(cut)
        names = np.array([sum(1 << m for t, m in enumerate(order) if at >> t & 1) for at in range(1 << len(order))])
        self.found = np.empty((BATCH, size), dtype=np.int64)
        fits = np.array([np.isin(names, [0, *hostable[c]]) for c in cut])
        alike = np.array([g > 0 and cut[g] == cut[g - 1] for g in range(size)])
        self._groups = alike, fits, names
        alone = np.ascontiguousarray(most[list(cut)][:, names])
        worth = outlook.worth[np.searchsorted(outlook.shapes, cut), 0, :, 0][:, names].astype(np.int64)
        self._bounds = requests[names], alone, worth, int(outlook.base[0]), outlook.unit
        levels = len(order) + 1
        chosen, mask = np.full((levels, size), -1), np.zeros((levels, size), dtype=np.int64)
        self._tree = np.zeros(1, dtype=np.int64), chosen, mask
        self._deal = np.array([0, 1])

    def dealt(self, number: int) -> list[Tree]:
        """Walkers that share this tree, each with its own part of the clusters: for as many threads."""
        walkers = [copy.copy(self) for _ in range(number)]
        for at, walker in enumerate(walkers):
            walker.found, walker._deal = np.empty_like(self.found), np.array([at, number])
            walker._tree = copy.deepcopy(self._tree)
        return walkers

    def move(self, need: int) -> int:
        """Fill ``found`` with clusters that no bound proves to serve fewer than ``need`` requests; return how many."""
        from formulations.alpaserve.enumeration import clusters

        filled, seen, self.over = clusters(self._tree, self._deal, self._groups, self._bounds, need, BUDGET, self.found)
        self.seen += seen
        return int(filled)
