"""The exact dynamic program without a step: costs as falling staircases over time.

    stage v       its options, a staircase by itself
    in series     (F then G)(t)    = min over t' <= t of F(t') + G(t - t')     min-plus convolution: all sums of two steps
    in parallel   (F beside G)(t)  = F(t) + G(t)                              both may take all the time there is

The sums of latencies along a path are finitely many, so the staircase of the whole query is exact. Which graphs are built
from series and parallel alone is found by reduction: every stage an arc between two points, two arcs through a point in
series become one, two arcs between the same points in parallel become one, until one arc is left. Trees always reduce
(their leaves all end in one sink); a graph that does not is left to the program (split_milp.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np

import gavelopt as go
from formulations.nexus.split_milp import milp, solve_query
from formulations.nexus.stages import Options, every_query, pareto, slo_us

CHUNK = 4_000_000  # sums formed at once


@dataclass(frozen=True, eq=False)
class Stair:
    """A falling staircase and how each of its steps came about.

    time, cost: (n,); stage: the stage it is, or -1; parts: what it is made of; picks: for series, (n, 2) steps of the parts.
    """

    time: go.IntArray
    cost: go.FloatArray
    stage: int = -1
    parts: tuple[Stair, ...] = ()
    picks: go.IntArray | None = None

    def choices(self, step: int, found: dict[int, int]) -> dict[int, int]:
        """{stage: option} behind one step."""
        if self.stage >= 0:
            found[self.stage] = step
        elif self.picks is not None:
            for part, pick in zip(self.parts, self.picks[step], strict=True):
                part.choices(int(pick), found)
        else:
            for part in self.parts:
                part.choices(int(np.searchsorted(part.time, self.time[step], side="right")) - 1, found)
        return found


EMPTY = Stair(np.zeros(1, dtype=np.int64), np.zeros(1))


def exact(problem: go.Problem) -> go.Answer:
    """Staircases for series-parallel queries, the mixed-integer program for the others."""

    def solve(query: go.Query, options: list[Options]) -> list[go.packing.StageChoice]:
        whole = reduced(query, options)
        return solve_query(query, options, problem.seconds_left)[0] if whole is None else _read(whole, options)

    if all(_series_parallel(query) for query in problem.instance.queries):
        return go.Answer(np.zeros(0), plan=every_query(problem, solve), notes=("staircases",))
    return milp(problem)


def staircase(problem: go.Problem) -> go.Answer:
    """Staircases; InputError for a query that is not series-parallel."""

    def solve(query: go.Query, options: list[Options]) -> list[go.packing.StageChoice]:
        whole = reduced(query, options)
        if whole is None:
            raise go.InputError(f"query {query.name!r} is not series-parallel", fix="method 'exact' or 'milp'")
        return _read(whole, options)

    return go.Answer(np.zeros(0), plan=every_query(problem, solve))


def _read(whole: Stair, options: list[Options]) -> list[go.packing.StageChoice]:
    picked = whole.choices(len(whole.time) - 1, {})
    return [own.choice(picked[at]) for at, own in enumerate(options)]


def _series_parallel(query: go.Query) -> bool:
    point = Options(*(np.zeros(1, dtype=np.int64),) * 4)  # type: ignore[arg-type]
    return reduced(query, [point] * len(query.stages)) is not None


def reduced(query: go.Query, options: list[Options]) -> Stair | None:
    """The staircase of the whole query, or None where the graph is not series-parallel."""
    limit = slo_us(query)
    graph = nx.MultiDiGraph()
    for at, own in enumerate(options):
        graph.add_edge(("in", at), ("out", at), stair=Stair(own.time, own.cost, at))
        for parent in query.parents[at]:
            graph.add_edge(("out", parent), ("in", at), stair=EMPTY)
        if not query.parents[at]:
            graph.add_edge("source", ("in", at), stair=EMPTY)
        if not query.children[at]:
            graph.add_edge(("out", at), "sink", stair=EMPTY)
    waiting = [node for node in graph if node not in ("source", "sink")]
    while waiting:
        node = waiting.pop()
        if node not in graph or graph.in_degree(node) != 1 or graph.out_degree(node) != 1:
            continue
        before, _, first = next(iter(graph.in_edges(node, data="stair")))
        _, after, second = next(iter(graph.out_edges(node, data="stair")))
        graph.remove_node(node)
        joined = in_series(first, second, limit)
        if graph.has_edge(before, after):
            others = [data["stair"] for data in graph.get_edge_data(before, after).values()]
            graph.remove_edges_from([(before, after)] * len(others))
            joined = in_parallel([*others, joined])
        graph.add_edge(before, after, stair=joined)
        waiting += [end for end in (before, after) if end not in ("source", "sink")]
    if graph.number_of_edges() != 1:
        return None
    whole: Stair = next(iter(graph.edges(data="stair")))[2]
    return whole


def in_series(first: Stair, second: Stair, limit: int) -> Stair:
    """One after the other, within ``limit`` in all."""
    if first is EMPTY or second is EMPTY:
        return second if first is EMPTY else first
    rows = max(1, CHUNK // max(len(second.time), 1))
    time, cost = np.zeros(0, dtype=np.int64), np.zeros(0)
    picks = np.zeros((0, 2), dtype=np.int64)
    for start in range(0, len(first.time), rows):
        part = np.arange(start, min(start + rows, len(first.time)))
        pairs = np.stack(np.meshgrid(part, np.arange(len(second.time)), indexing="ij"), axis=-1).reshape(-1, 2)
        time = np.concatenate([time, first.time[pairs[:, 0]] + second.time[pairs[:, 1]]])
        cost = np.concatenate([cost, first.cost[pairs[:, 0]] + second.cost[pairs[:, 1]]])
        picks = np.concatenate([picks, pairs])
        kept = pareto(time, cost, limit)
        time, cost, picks = time[kept], cost[kept], picks[kept]
    return Stair(time, cost, parts=(first, second), picks=picks)


def in_parallel(parts: list[Stair]) -> Stair:
    """Side by side: each may use all of the time."""
    time = np.unique(np.concatenate([part.time for part in parts]))
    time = time[time >= max(int(part.time[0]) for part in parts)] if all(len(p.time) for p in parts) else time[:0]
    cost = np.zeros(len(time))
    for part in parts:
        cost += part.cost[np.searchsorted(part.time, time, side="right") - 1] if len(time) else 0.0
    return Stair(time, cost, parts=tuple(parts))
