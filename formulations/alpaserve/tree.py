"""The clusters of given groups over a set of models, in batches: the arrays of enumeration.py, made and moved on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

import gavelopt as go
from formulations.alpaserve.relaxed import Relaxation

BATCH = 4096  # clusters
BUDGET = 50_000  # nodes, so that the time is looked at now and then


class Tree:
    """All clusters of groups of the shapes ``cut`` (ascending) that host exactly ``models`` (a set as a binary number).

    hostable: for each shape the sets of models that fit; requests (2^M,) of every set of models; most (C, 2^M) the bound u;
    relaxed: the bound e, or None to do without. ``found`` (B, G) holds the clusters of the last batch, ``rest`` (B, K + 1) the
    most that each can serve from an edge of the windows on; ``seen`` counts nodes.
    """

    def __init__(
        self,
        models: int,
        cut: tuple[int, ...],
        hostable: Sequence[Sequence[int]],
        requests: go.IntArray,
        most: go.IntArray,
        relaxed: Relaxation | None,
    ) -> None:
        order = sorted(go.serving.positions(models), key=lambda m: -int(requests[1 << m]))
        self.cut, self.seen, self.over, size = cut, 0, False, len(cut)
        self.names = np.array(
            [sum(1 << m for t, m in enumerate(order) if at >> t & 1) for at in range(1 << len(order))]
        )
        self.found = np.empty((BATCH, size), dtype=np.int64)
        self.edges_s = np.zeros(1) if relaxed is None else relaxed.edges_s
        self.rest = np.zeros((BATCH, len(self.edges_s)), dtype=np.int64)
        weight, table = self._windows(relaxed)
        fits = np.array([np.isin(self.names, [0, *hostable[c]]) for c in cut])
        alike = np.array([g > 0 and cut[g] == cut[g - 1] for g in range(size)])
        self._groups = alike, weight, fits, self.names
        self._bounds = requests[self.names], np.ascontiguousarray(most[list(cut)][:, self.names]), table
        levels = len(order) + 1
        chosen, mask = np.full((levels, size), -1), np.zeros((levels, size), dtype=np.int64)
        touched = np.full((levels, len(self.names)), -1)
        bound = np.full((levels, table.shape[2]), requests[models], dtype=np.int32)
        tail = np.zeros(len(self.edges_s), dtype=np.int64)
        self._tree = np.zeros(1, dtype=np.int64), chosen, mask, touched, bound, tail

    def move(self, need: int) -> int:
        """Fill ``found`` with clusters that no bound proves to serve fewer than ``need`` requests; return how many."""
        from formulations.alpaserve.enumeration import clusters

        filled, seen, self.over = clusters(self._tree, self._groups, self._bounds, need, BUDGET, self.found, self.rest)
        self.seen += seen
        return int(filled)

    def _windows(self, relaxed: Relaxation | None) -> tuple[go.IntArray, NDArray[np.int32]]:
        """((G,) weight of a group in the number of a sub-multiset, (2^s, V, W) e of every set, sub-multiset and window)."""
        if relaxed is None:
            return np.zeros(len(self.cut), dtype=np.int64), np.zeros((len(self.names), 1, 0), dtype=np.int32)
        shapes = sorted(set(self.cut))
        counts = [range(self.cut.count(c) + 1) for c in shapes]
        strides = dict(zip(shapes, np.cumprod([1] + [len(n) for n in counts[:-1]]).tolist(), strict=True))
        parts = [tuple(c for c, n in zip(shapes, some, strict=True) for _ in range(n)) for some in product(*counts)]
        number = [sum(strides[c] for c in part) for part in parts]
        windows = (len(relaxed.edges_s) - 1) * len(relaxed.edges_s) // 2
        table = np.zeros((len(self.names), len(parts), windows), dtype=np.int32)
        for at, models in enumerate(self.names.tolist()):
            for v, part in zip(number, parts, strict=True):
                table[at, v] = relaxed.by_window(models, part)
        return np.array([strides[c] for c in self.cut]), table
