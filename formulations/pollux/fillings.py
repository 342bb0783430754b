"""What a node can hold, and into which parts a distributed job can fall.

A *filling* of c GPUs is a part of f GPUs of one distributed job (f = 0: none) and slots for jobs on this node alone. A slot
may stay empty, so only fillings that leave no GPU out matter: f plus a partition of c - f.

A distributed job of K GPUs falls into at least two parts of 1..R GPUs. Two parts f, g < R with f + g >= R never need to
stand in one job: R and f + g - R on the same two nodes leave room for the same jobs beside them. So a job is whole nodes and
parts of which any two hold less than R together. (Nodes with fewer free GPUs are "whole" at what they have.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

import gavelopt as go


@dataclass(frozen=True)
class Filling:
    """part: GPUs for one distributed job, 0 for none; slots: sizes of the slots, largest first."""

    part: int
    slots: tuple[int, ...]

    @property
    def gpus(self) -> int:
        return self.part + sum(self.slots)


@cache
def partitions(total: int, largest: int) -> tuple[tuple[int, ...], ...]:
    """Every way to write ``total`` as a sum of numbers <= largest, largest first."""
    if total == 0:
        return ((),)
    return tuple(
        (first, *rest) for first in range(min(total, largest), 0, -1) for rest in partitions(total - first, first)
    )


@cache
def fillings(capacity: int, parts: bool) -> tuple[Filling, ...]:
    """Every filling of exactly ``capacity`` GPUs; ``parts``: whether a part may be among them."""
    return tuple(
        Filling(part, slots)
        for part in range(capacity + 1 if parts else 1)
        for slots in partitions(capacity - part, capacity - part)
    )


def decompositions(gpus: int, whole: frozenset[int], price: go.FloatArray, most: float) -> Iterator[tuple[int, ...]]:
    """Decompositions of ``gpus`` into >= 2 parts of 1..R, largest first, undominated, at a price of at most ``most``.

    whole: GPUs that some node of this type has free in all (R at least); price: (R,) >= 0 of a part.
    """
    size = len(price)
    least = np.full(gpus + 1, np.inf)
    least[0] = 0.0
    for k in range(1, gpus + 1):
        least[k] = np.min(price[: min(k, size)] + least[k - min(k, size) : k][::-1])

    def grow(left: int, largest: int, odd: int, spent: float) -> Iterator[tuple[int, ...]]:
        """Parts <= largest; ``odd`` is the largest part so far that leaves GPUs of every node over."""
        if left == 0:
            yield ()
            return
        for first in range(min(left, largest), 0, -1):
            partial = first not in whole
            if spent + price[first - 1] + least[left - first] > most or (partial and odd + first >= size and odd):
                continue
            for rest in grow(left - first, first, max(odd, first) if partial else odd, spent + float(price[first - 1])):
                yield (first, *rest)

    yield from (parts for parts in grow(gpus, size, 0, 0.0) if len(parts) >= 2)
    if gpus == size:  # one full node is no distribution: here two parts of one node's size can be needed
        pairs = ((size - g, g) for g in range(1, size // 2 + 1) if size - g not in whole or g not in whole)
        yield from (pair for pair in pairs if price[pair[0] - 1] + price[pair[1] - 1] <= most)


def cheapest_parts(part: go.FloatArray, most: int) -> tuple[go.FloatArray, list[tuple[int, ...]]]:
    """(most + 1,) least price of k GPUs across nodes, and the parts behind it (empty where there are none)."""
    price, chosen = go.elastic.bounds.price_across(part, most)
    size = len(part)
    found: list[tuple[int, ...]] = [()] * (most + 1)
    for k in range(2, most + 1):
        if not np.isfinite(price[k]):
            continue
        first = int(chosen[k])
        rest = k - first
        single = rest <= size and part[rest - 1] <= price[rest]
        found[k] = (first, rest) if single else (first, *found[rest])
    return price, found
