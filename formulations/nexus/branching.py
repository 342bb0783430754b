"""Branch-and-price: two sessions on one GPU, or on two (Ryan and Foster 1981).

In a fractional master some pair of items i, j has  0 < sum_{p contains both} x_p < 1. One branch merges them into one
item, the other forbids them to share; both leave the pricing a knapsack (with pairs apart). Where no pair is fractional
the sets are decided, and which type each gets is a transportation problem, integral by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from formulations.nexus.columns import Column, Master, Relaxation
from formulations.nexus.patterns import Knapsacks

if TYPE_CHECKING:
    from formulations.nexus.exact import Search

Item = tuple[int, ...]
WHOLE = 1e-6


@dataclass(frozen=True)
class Node:
    """items: groups of residuals that stay together; apart: pairs of residuals that must not share a GPU."""

    items: tuple[Item, ...]
    apart: frozenset[tuple[int, int]]
    columns: tuple[tuple[int, tuple[int, ...]], ...]  # (row, residuals)
    lower: int


def branch_and_price(search: Search, table: Knapsacks, columns: list[Column]) -> None:
    """Searches depth first from the root's columns until nothing can beat the best packing, or time is up."""
    singles = tuple((k,) for k in range(table.weight.shape[1]))
    stack = [Node(singles, frozenset(), tuple(columns), search.lower)]
    nodes, cut = 0, 1 << 60  # cut: the least bound of a node given up undecided
    while stack and search.seconds_left() > 0:
        node = stack.pop()
        if node.lower >= search.upper:
            continue
        nodes += 1
        decided = _expand(search, table, node, stack)
        cut = cut if decided else min(cut, node.lower)
    open_bounds = [node.lower for node in stack]
    search.lower = max(search.lower, min([search.upper, cut, *open_bounds]))
    search.notes.append(f"branch-and-price: {nodes} nodes, {'closed' if search.closed else 'time is up'}")


def _expand(search: Search, table: Knapsacks, node: Node, stack: list[Node]) -> bool:
    """Solves one node: cuts it off, takes its packing, or pushes its two branches. False where it was left undecided."""
    merged = table.merged(list(node.items))
    apart = _conflicts(node)
    master = Master(merged, len(node.items), search.residuals.room, apart)
    place = {k: at for at, item in enumerate(node.items) for k in item}
    master.add(c for row, members in node.columns if (c := _inherited(node, place, apart, row, members)) is not None)
    found = master.relax(search.seconds_left)
    if not found.complete:
        return False
    lower = max(node.lower, search.round_up(found.value * master.unit))
    if found.artificial > WHOLE or lower >= search.upper:
        return True
    pair = _fractional_pair(master, found)
    members = tuple((row, tuple(k for at in items for k in node.items[at])) for row, items in master.columns)
    if pair is None:
        from formulations.nexus.exact import bins_of

        used = [members[c] for c in np.flatnonzero(found.x > 0.5)]
        search.offer(bins_of(table, used), "branch-and-price")
        return lower >= search.upper
    i, j = pair
    rest = tuple(item for at, item in enumerate(node.items) if at not in (i, j))
    divorced = node.apart | {tuple(sorted((a, b))) for a in node.items[i] for b in node.items[j]}
    stack.append(Node(node.items, frozenset(divorced), members, lower))  # type: ignore[arg-type]
    stack.append(Node((*rest, node.items[i] + node.items[j]), node.apart, members, lower))
    return True


def _conflicts(node: Node) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    place = {k: at for at, item in enumerate(node.items) for k in item}
    apart = np.zeros((len(node.items), len(node.items)), dtype=np.bool_)
    for a, b in node.apart:
        apart[place[a], place[b]] = apart[place[b], place[a]] = True
    return apart


def _inherited(
    node: Node, place: dict[int, int], apart: np.ndarray[tuple[int, int], np.dtype[np.bool_]], row: int, members: Item
) -> Column | None:
    """A parent's column in this node's items, less the items that are cut; None where the branch forbids it."""
    inside = set(members)
    items = sorted({place[k] for k in members if inside.issuperset(node.items[place[k]])})
    if not items or apart[np.ix_(items, items)].any():
        return None
    return row, tuple(items)


def _fractional_pair(master: Master, found: Relaxation) -> tuple[int, int] | None:
    """The pair of items whose time together is nearest one half; None where every pair is together or apart."""
    together = np.zeros((master.items, master.items))
    for (_, items), x in zip(master.columns, found.x, strict=True):
        if x > WHOLE:
            together[np.ix_(items, items)] += x
    np.fill_diagonal(together, 0.0)
    distance = np.abs(np.clip(together, 0.0, 1.0) - 0.5)
    i, j = np.unravel_index(int(np.argmin(distance)), distance.shape)
    return (int(min(i, j)), int(max(i, j))) if distance[i, j] < 0.5 - 1e-5 else None
