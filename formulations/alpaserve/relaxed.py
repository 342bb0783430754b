"""What some groups can serve of the requests for some models when they may choose freely: a bound on every placement.

Let A be models and H groups. Forget which groups host which models: every group of H may serve every model of A that fits into
it. Forget the dispatch rule: each request, in order of arrival, is served by any group, or refused although it could be
served. Of every group keep one stage only, the slowest. A request of model m that arrives at a and is served there

    starts at        s = max(a + head, clock),    head: time on the stages before, the least over A
    ends at          s + step = new clock         step: time on the stage, the least over A
                     <=  the latest, over the requests of A up to this one, of  arrival + last_m,
                                                  last_m = SLO_m - overhead - (time of m on the stages after)

e(A, H) is the most that can be served so. No placement in which only H hosts models of A serves more of their requests: drop
all others from its replay and wait for that stage only, with less work and later deadlines. Clocks only become earlier, so
what was in time stays in time. The same holds for the requests of a window, since idle clocks are the earliest. Clocks of the
simulator are sums of floating-point numbers; ``last`` has room for their rounding.

Now all requests are the same work on a shape and deadlines never fall, so that not everything has to be tried:

* A request that is in time on some group g is not refused. In a solution that refuses it, serve it on g instead of what g
  serves next: as many are served, and g is free no later.
* Of equal groups the one that is free first is taken. Sort the times at which a solution starts on groups of that shape, and
  give the i-th to the i-th of the requests that it serves there. One of the first i starts belongs to a request that
  arrives no earlier than the i-th, so that has arrived; one of the starts from the i-th on belongs to a request due no
  later, so it is in time. And with n equal groups the i-th start is a step or more after the (i - n)-th: the rule is no later.

So only the choice of the shape is open, and relaxed_kernel.py tries it. For groups of one shape and models of one latency
e is what "first come, first served by whoever is free first" serves, in one pass: the same as every model everywhere.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

import gavelopt as go

WIDTH = 64  # states of the diagram
WINDOWS = 20

Shapes = tuple[go.BoolArray, go.FloatArray, go.FloatArray, go.FloatArray]


@dataclass
class Relaxation:
    """e(A, H) on the counted requests of a workload, whole or in windows; every answer is kept.

    A is a set of models as a binary number, H a multiset of shapes, ascending. After ``deadline`` (on the clock of
    time.perf_counter) the number of requests is all that is said.
    """

    instance: go.PlacementInstance
    workload: go.Workload
    width: int = WIDTH
    deadline: float = np.inf
    _found: dict[tuple[int, tuple[int, ...], bool], go.IntArray] = field(default_factory=dict)
    _shapes: dict[int, Shapes] = field(default_factory=dict)

    def whole(self, models: int, groups: tuple[int, ...]) -> int:
        """The most requests for the models that the groups can serve."""
        return int(self._most(models, groups, False)[0])

    def by_window(self, models: int, groups: tuple[int, ...]) -> go.IntArray:
        """(K (K + 1) / 2,) the same for the requests between two edges, by the first and then by the last of them."""
        return self._most(models, groups, True)

    @cached_property
    def edges_s(self) -> go.FloatArray:
        """(K + 1,) edges of the windows in seconds, from 0 to infinity: the longest gaps between requests, not too close."""
        arrival, _ = self._requests
        apart, chosen = max(1, len(arrival) // (3 * WINDOWS)), [0, len(arrival)]
        for at in np.argsort(-np.diff(arrival), kind="stable") + 1:
            if len(chosen) <= WINDOWS and min(abs(at - other) for other in chosen) >= apart:
                chosen.append(int(at))
        return np.array([0.0, *(arrival[at] for at in sorted(chosen)[1:-1]), np.inf])

    def _most(self, models: int, groups: tuple[int, ...], windows: bool) -> go.IntArray:
        key = models, groups, windows
        if key not in self._found:
            edges_s = self.edges_s if windows else np.array([0.0, np.inf])
            self._found[key] = self._solve(models, groups, edges_s)
        return self._found[key]

    def _solve(self, models: int, groups: tuple[int, ...], edges_s: go.FloatArray) -> go.IntArray:
        from formulations.alpaserve.relaxed_kernel import most_in_windows

        windows = len(edges_s) - 1
        most = np.zeros((windows, windows), dtype=np.int64)
        able, last, step, head = self._of(models)
        shape = np.array([c for c in groups if able[:, c].any()], dtype=np.int64)
        if len(shape):
            arrival, model = self._requests
            own = np.isin(model, go.serving.positions(models))
            edges = np.searchsorted(arrival[own], edges_s)
            if time.perf_counter() > self.deadline:
                return np.asarray((edges[1:] - edges[:-1, None])[np.triu_indices(windows)])
            chosen = able[:, shape], last[:, shape], step[shape], head[shape], shape
            most_in_windows(arrival[own], model[own], chosen, self.width, edges, most)
        return np.asarray(most[np.triu_indices(windows)])

    @cached_property
    def _requests(self) -> tuple[go.FloatArray, go.IntArray]:
        first, last = self.workload.counted
        return self.workload.arrival_s[first:last], self.workload.model[first:last]

    @cached_property
    def _rounding_s(self) -> float:
        """More than two clocks can be off: each is a sum of at most N + S terms, none larger than its end."""
        arrival, tables = self.workload.arrival_s, self.instance.tables
        end = arrival.max(initial=0.0) + len(arrival) * tables.total_s.max(initial=0.0)
        return float(8 * (len(arrival) + tables.latency_s.shape[2] + 2) * np.finfo(float).eps * end)

    def _of(self, models: int) -> Shapes:
        """able, last (M, C), step, head (C,) of every shape for these models; see the head of this file."""
        if models not in self._shapes:
            self._shapes[models] = self._describe(models)
        return self._shapes[models]

    def _describe(self, models: int) -> Shapes:
        tables, stage = self.instance.tables, np.arange(self.instance.tables.latency_s.shape[2])
        chosen = np.isin(np.arange(len(tables.slo_s)), go.serving.positions(models))
        able = (tables.weight_gib <= self.instance.budget_gib) & chosen[:, None]
        latency = tables.latency_s
        slowest = np.where(able[:, :, None], latency, 0.0).sum(axis=0).argmax(axis=1)[:, None]  # (C, 1)
        step, head, tail = (
            (latency * some).sum(axis=2) for some in (stage == slowest, stage < slowest, stage > slowest)
        )
        last = tables.slo_s[:, None] - self.instance.overheads.request_s - tail + self._rounding_s
        able &= head + step <= last
        return able, last, _least(step, able), _least(head, able)


def _least(values: go.FloatArray, able: go.BoolArray) -> go.FloatArray:
    """(C,) the least value over the models that are able; infinite where none is."""
    return np.asarray(np.where(able, values, np.inf).min(axis=0, initial=np.inf))
