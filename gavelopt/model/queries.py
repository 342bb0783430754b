"""Queries: several models per request, with one objective from end to end.

A query arrives R times a second; stage v sees  R_v = R x per_query_v  requests, because a detector hands on as many crops
as it finds (its fan-out). A tree is the common case; any acyclic graph is allowed, a stage then starts when all its
parents are done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.labels import Labels
from gavelopt.model.arrays import IntArray, read_only


@dataclass(frozen=True)
class Stage:
    """One model of a query: per_query requests of it for each query, after its parents (names of stages)."""

    name: str
    model: str
    per_query: float = 1.0
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Query:
    """An acyclic graph of stages with a rate (queries per second) and an end-to-end objective.

    Stages are kept in an order in which parents come first.

    Raises:
        InputError: no stages, a duplicate or unknown name, a cycle, a number out of range.
    """

    name: str
    rate_rps: float
    slo_ms: float
    stages: tuple[Stage, ...]

    def __init__(self, name: str, rate_rps: float, slo_ms: float, stages: Iterable[Stage]) -> None:
        put = object.__setattr__
        put(self, "name", name)
        put(self, "rate_rps", float(rate_rps))
        put(self, "slo_ms", float(slo_ms))
        given = tuple(stages)
        try:
            if not (np.isfinite(rate_rps) and rate_rps >= 0):
                raise InputError("rate_rps out of range", seen=rate_rps, rule="a finite number >= 0")
            if not (np.isfinite(slo_ms) and slo_ms > 0):
                raise InputError("slo_ms out of range", seen=slo_ms, rule="a finite number > 0")
            put(self, "stages", _parents_first(given))
        except InputError as error:
            raise error.at(f"query {name!r}") from error

    @classmethod
    def tree(cls, name: str, rate_rps: float, slo_ms: float, root: Mapping[str, Any]) -> Query:
        """From ``{"model": ..., "fanout": 1.0, "children": [...]}``: fanout is requests per request of the parent."""
        stages: list[Stage] = []

        def visit(node: Mapping[str, Any], parent: Stage | None) -> None:
            taken = {stage.name for stage in stages}
            label = str(node.get("name", node["model"]))
            if label in taken and "name" not in node:
                label = next(f"{label}#{i}" for i in range(2, len(taken) + 3) if f"{label}#{i}" not in taken)
            above = parent.per_query if parent else 1.0
            stage = Stage(
                label, node["model"], above * float(node.get("fanout", 1.0)), (parent.name,) if parent else ()
            )
            stages.append(stage)
            for child in node.get("children", ()):
                visit(child, stage)

        visit(root, None)
        return cls(name, rate_rps, slo_ms, stages)

    @cached_property
    def parents(self) -> tuple[tuple[int, ...], ...]:
        """For each stage the positions of its parents."""
        place = {stage.name: at for at, stage in enumerate(self.stages)}
        return tuple(tuple(place[parent] for parent in stage.parents) for stage in self.stages)

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """For each stage the positions of its children."""
        below: list[list[int]] = [[] for _ in self.stages]
        for at, parents in enumerate(self.parents):
            for parent in parents:
                below[parent].append(at)
        return tuple(tuple(children) for children in below)

    @property
    def is_tree(self) -> bool:
        """Whether every stage but one root has exactly one parent."""
        return sum(not parents for parents in self.parents) == 1 and all(len(p) <= 1 for p in self.parents)

    @cached_property
    def stage_rps(self) -> tuple[float, ...]:
        """Requests per second at each stage."""
        return tuple(self.rate_rps * stage.per_query for stage in self.stages)

    @cached_property
    def depth(self) -> IntArray:
        """(V,) the most stages on any path through each stage, itself included."""
        down, up = np.ones(len(self.stages), dtype=np.int64), np.ones(len(self.stages), dtype=np.int64)
        for at, parents in enumerate(self.parents):
            down[at] += max((down[p] for p in parents), default=0)
        for at in range(len(self.stages) - 1, -1, -1):
            up[at] += max((up[c] for c in self.children[at]), default=0)
        return read_only(down + up - 1)

    def longest_path(self, weight: IntArray) -> int:
        """The largest sum of the (V,) whole-number weights along any path."""
        done = [0] * len(self.stages)
        for at, parents in enumerate(self.parents):
            done[at] = int(weight[at]) + max((done[p] for p in parents), default=0)
        return max(done)

    def __repr__(self) -> str:
        return f"Query({self.name!r}, {len(self.stages)} stages, {self.rate_rps:g}/s, {self.slo_ms:g} ms)"


def _parents_first(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    names = Labels([stage.name for stage in stages], "stage")
    if not stages:
        raise InputError("the query has no stages", rule="at least one")
    for stage in stages:
        if not (np.isfinite(stage.per_query) and stage.per_query >= 0):
            raise InputError(
                "requests per query out of range",
                where=f"stage {stage.name!r}",
                seen=stage.per_query,
                rule="a finite number >= 0",
            )
        for parent in stage.parents:
            names.index(parent)
    waiting, placed, order = list(stages), set[str](), []
    while waiting:
        ready = [stage for stage in waiting if placed.issuperset(stage.parents)]
        if not ready:
            raise InputError("the stages form a cycle", seen=", ".join(stage.name for stage in waiting))
        order.extend(ready)
        placed.update(stage.name for stage in ready)
        waiting = [stage for stage in waiting if stage.name not in placed]
    return tuple(order)
