"""Request serving: a placement replayed over a workload, one in full or thousands counted in one compiled call.

    report = simulate_serving(instance, plan)   # attainment, latency percentiles, utilisation, who served what
    simulator = ServingSimulator(instance); simulator.good([code, code, ...])      # requests in time, for searches

The rules stand at the head of ``serving_kernel.py``; ``serving_lanes.py`` does the same for many placements of the same groups
at once (``good_alike``). numba is loaded when the first simulation starts.

How true is it? AlpaServe's published tables come from the same rules; on 20 published rows that were also run on 16 GPUs
the attainment differs by 0.005 on average and 0.016 at most. An event simulator with dispatch noise typically differs by
0.2 to 0.9 points, but by up to 28 points where an objective lies just at latency plus overhead: do not trust such cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gavelopt.errors import InputError
from gavelopt.judge.serving_bound import most_work
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.placement import Code, Placement, PlacementInstance, Plan
from gavelopt.model.serving import Workload
from gavelopt.replay.timeline import Completions

if TYPE_CHECKING:
    import pandas as pd

WORD = 64  # models in one word of a mask
NO_LIMIT = 1 << 60


@dataclass(frozen=True, eq=False, repr=False)
class ServingReport(Completions):
    """What became of every request; a completion time is a latency.

    instance: with the M models; workload: the N requests; group: (N,) group that served each, -1 where it was dropped (groups
    of a schedule are numbered through); latency_s: (N,) seconds from arrival to answer, NaN where dropped; busy_s: (G,)
    seconds in which the slowest stage of each group worked; span_s: seconds from 0 to the last arrival or answer.
    scheduler: the policy behind the placement; solves, solve_s: how often it was solved and the seconds that took.
    """

    instance: PlacementInstance
    workload: Workload
    group: IntArray
    latency_s: FloatArray
    busy_s: FloatArray
    span_s: float
    scheduler: str = "plan"
    solves: int = 0
    solve_s: float = 0.0
    seconds: float = 0.0

    mode = "events"
    ROWS = "requests"

    @property
    def arrival_s(self) -> FloatArray:
        """(N,) when each request arrived."""
        return self.workload.arrival_s

    @property
    def completed_s(self) -> FloatArray:
        """(N,) when each was answered; NaN where it was dropped."""
        return np.asarray(self.arrival_s + self.latency_s)

    @cached_property
    def jct_s(self) -> FloatArray:
        """(N,) the latencies, as they were simulated."""
        return self.latency_s

    @property
    def counted(self) -> slice:
        """The requests that count."""
        return slice(*self.workload.counted)

    @property
    def good(self) -> BoolArray:
        """(N,) requests answered within their objective."""
        return np.asarray(self.group >= 0)

    @property
    def attainment(self) -> float:
        """Share of the counted requests answered in time; 1 where none was asked."""
        return float(self.good[self.counted].mean()) if self.workload.counts else 1.0

    @property
    def attainment_per_model(self) -> FloatArray:
        """(M,) the same for each model; NaN where nobody asked for it."""
        models = len(self.instance.models)
        asked = self.workload.per_model(models)
        model, good = self.workload.model[self.counted], self.good[self.counted]
        met = np.bincount(model, weights=good, minlength=models)
        return np.asarray(np.divide(met, asked, out=np.full(models, np.nan), where=asked > 0))

    @property
    def mean_latency_s(self) -> float:
        """Mean latency of the counted requests that were served; NaN where none was."""
        return self.mean_jct_s

    @property
    def utilization(self) -> FloatArray:
        """(G,) share of the time in which each group's slowest stage worked."""
        return self.busy_s / max(self.span_s, 1e-300)

    def summary(self) -> dict[str, Any]:
        """The figures of the replay as plain Python."""
        p50, p90, p99 = (float(value) for value in self.percentile([50, 90, 99]))
        served = int(self.good[self.counted].sum())
        return {
            "scheduler": self.scheduler,
            "mode": self.mode,
            "requests": self.workload.counts,
            "finished": served,
            "attainment": self.attainment,
            "slo_violations": self.workload.counts - served,
            "mean_jct_s": self.mean_jct_s,
            "p50_jct_s": p50,
            "p90_jct_s": p90,
            "p99_jct_s": p99,
            "makespan_s": self.makespan_s,
            "utilization": {f"group {g + 1}": float(used) for g, used in enumerate(self.utilization)},
            "solves": self.solves,
            "solve_s": self.solve_s,
            "seconds": self.seconds,
        }

    def to_frame(self) -> pd.DataFrame:
        """One row a request: model, group (0 for none), arrival, completion, latency, whether late."""
        import pandas as pd

        models = [self.instance.models.names[m] for m in self.workload.model.tolist()]
        return pd.DataFrame(
            {
                "model": models,
                "group": self.group + 1,
                "arrival_s": self.arrival_s,
                "finish_s": self.completed_s,
                "jct_s": self.jct_s,
                "late": ~self.good,
            },
            index=pd.RangeIndex(len(self.workload), name="request"),
        )

    def __repr__(self) -> str:
        return f"ServingReport({len(self.workload)} requests, attainment {self.attainment:.4f})"


@dataclass(frozen=True, eq=False)
class Outlook:
    """What the counted requests from some time on can still add: a bound for ``good_alike``, proved by its maker.

    Of the requests that arrive from edges_s[e] on (E + 1, from 0 to infinity), groups g that host the models A_g and are
    free on the stage that is looked at, stage[c] of configuration shapes[c], at t_g serve at most

        (base[e] + sum_g worth[c, e, A_g, j_g]) / unit,   j_g = floor((t_g - origin_s[c, e]) / width_s[c]) from 0 to J - 1

    shapes, stage, width_s (C,); base (E,); origin_s (C, E); worth (C, E, sets of models, J) 32-bit integers.
    """

    edges_s: FloatArray
    shapes: IntArray
    stage: IntArray
    unit: int
    base: IntArray
    worth: NDArray[np.int32]
    origin_s: FloatArray
    width_s: FloatArray

    def encoded(self, config: Sequence[int], start: IntArray) -> tuple[Any, ...]:
        """As the compiled loop takes it, for groups whose stages are numbered from start[g]."""
        kind = np.searchsorted(self.shapes, config)
        return self.unit, self.base, self.worth, kind, start[:-1] + self.stage[kind], self.origin_s, self.width_s


class ServingSimulator:
    """The requests and the profiles of an instance, ready for many placements.

    ``workload`` replaces the instance's own requests; placements are given as codes (see PlacementInstance.code).
    """

    def __init__(self, instance: PlacementInstance, workload: Workload | None = None) -> None:
        self.instance, self.tables = instance, instance.tables
        self.workload = instance.workload if workload is None else workload
        self.words = max(1, -(-len(instance.models) // WORD))
        self._arrival = np.ascontiguousarray(self.workload.arrival_s)
        self._model = self.workload.model.astype(np.int32)
        self._counted = np.array(self.workload.counted, dtype=np.int64)

    @property
    def requests(self) -> int:
        """Requests that count."""
        return self.workload.counts

    def good(self, codes: Sequence[Code], *, failures: int = NO_LIMIT, best_only: bool = False) -> IntArray:
        """(B,) counted requests in time of each placement.

        A placement is given up (-1) once more than ``failures`` counted requests failed; with ``best_only`` also once it
        cannot reach the best of those before it.
        """
        return self.score(*self.encode(codes), failures=failures, best_only=best_only)[0]

    def score(
        self,
        config: NDArray[np.int32],
        mask: NDArray[np.uint64],
        *,
        failures: int = NO_LIMIT,
        best_only: bool = False,
    ) -> tuple[IntArray, FloatArray]:
        """The same for encoded placements: config (B, G) with -1 for no group, mask (B, G, W).

        Returns (B,) counts and (B,) seconds of latency summed over the counted requests in time.
        """
        from gavelopt.replay.serving_kernel import count_good

        tables = self.tables
        return count_good(  # type: ignore[no-any-return]
            self._arrival,
            self._model,
            self._counted,
            tables.slo_s,
            self.instance.overheads.request_s,
            tables.latency_s,
            tables.stages,
            config,
            mask,
            np.int64(failures),
            best_only,
        )

    def good_alike(self, config: Sequence[int], mask: IntArray, *, need: int, outlook: Outlook) -> IntArray:
        """The same count for many placements of the same groups, several times as fast; -1 where it is below ``need``.

        config (G,) the configurations of the groups; mask (B, G) their models as binary numbers, for groups in canonical
        order. ``outlook`` says how many of the counted requests from its edges on can be in time: what cannot reach ``need``
        is given up there.

        Raises:
            InputError: more models than a binary number holds.
        """
        from gavelopt.replay.serving_lanes import count_alike

        if len(self.instance.models) >= WORD:
            raise InputError("too many models", seen=len(self.instance.models), rule=f"fewer than {WORD}", fix="good()")
        tables, found = self.tables, np.empty(len(mask), dtype=np.int64)
        start = np.concatenate([[0], np.cumsum(tables.stages[list(config)])])
        edges = np.searchsorted(self._arrival, outlook.edges_s)
        count_alike(
            (self._arrival, self._model, self._counted),
            tables.slo_s,
            self.instance.overheads.request_s,
            np.concatenate([tables.latency_s[:, c, : tables.stages[c]] for c in config], axis=1),
            start,
            mask,
            need,
            edges,
            outlook.encoded(config, start),
            found,
        )
        return found

    def encode(self, codes: Sequence[Code]) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
        """Codes as arrays: config (B, G) with -1 for no group, mask (B, G, W)."""
        groups = max((len(code) for code in codes), default=0)
        config = np.full((len(codes), groups), -1, dtype=np.int32)
        mask = np.zeros((len(codes), groups, self.words), dtype=np.uint64)
        low = (1 << WORD) - 1
        for b, code in enumerate(codes):
            for g, (shape, bits) in enumerate(code):
                config[b, g] = shape
                for word in range(self.words):
                    mask[b, g, word] = (bits >> (WORD * word)) & low
        return config, mask

    def trace(self, code: Code) -> tuple[IntArray, FloatArray]:
        """((N,) group that served each request or -1, (N,) latency in seconds or NaN)."""
        from gavelopt.replay.serving_kernel import trace

        config, mask = self.encode([code])
        group, spent = np.empty(len(self.workload), dtype=np.int64), np.empty(len(self.workload))
        trace(
            self._arrival,
            self._model,
            self.tables.slo_s,
            self.instance.overheads.request_s,
            self.tables.latency_s,
            self.tables.stages,
            config[0],
            mask[0],
            group,
            spent,
        )
        return group, spent

    def tally(self, code: Code) -> tuple[IntArray, IntArray]:
        """((G,) counted requests that each group serves in time, (M,) counted requests of each model left unserved)."""
        from gavelopt.replay.serving_kernel import outcomes

        group, _ = self.trace(code)
        return outcomes(group, self._model, self._counted, len(code), len(self.instance.models))  # type: ignore[no-any-return]


def simulate_serving(instance: PlacementInstance, plan: Plan, workload: Workload | None = None) -> ServingReport:
    """Replay ``plan`` over the instance's requests, or over ``workload``."""
    requests = instance.workload if workload is None else workload
    parts = [(plan, requests)] if isinstance(plan, Placement) else plan.windows(requests)
    groups, latencies, busy, offset = [], [], [], 0
    for placement, own in parts:
        code = instance.code(placement)
        group, latency = ServingSimulator(instance, own).trace(code)
        busy.append(_busy(instance, code, own, group))
        groups.append(np.where(group >= 0, group + offset, -1))
        latencies.append(latency)
        offset += len(code)
    latency = np.concatenate([np.zeros(0), *latencies])
    ends = np.nan_to_num(latency) + requests.arrival_s
    return ServingReport(
        instance,
        workload=requests,
        group=np.concatenate([np.zeros(0, dtype=np.int64), *groups]),
        latency_s=latency,
        busy_s=np.concatenate([np.zeros(0), *busy]),
        span_s=float(ends.max(initial=0.0)),
    )


@lru_cache(maxsize=1)
def compiled_work() -> Any:
    """``most_work`` of the judge's bound, compiled: the same function, for searches that need many bounds."""
    from numba import njit

    return njit(most_work, cache=True, nogil=True)


def simulate_batching(
    instance: PlacementInstance, placement: Placement, workload: Workload | None = None
) -> ServingReport:
    """Replay a placement that may answer several waiting requests of one model together; see ``batching_kernel.py``.

    The batch sizes are those of the profiles; requests wait instead of being dropped on arrival.
    """
    from gavelopt.replay.batching_kernel import serve_batches

    requests = instance.workload if workload is None else workload
    code, tables = instance.code(placement), instance.tables
    sizes = sorted({row.batch for row in instance.profiles.rows} | {1})
    latency = _batch_latency(instance, sizes)
    hosted = np.array([[bool(mask >> m & 1) for m in range(len(instance.models))] for _, mask in code], dtype=bool)
    config = np.array([shape for shape, _ in code], dtype=np.int64)
    shape = (len(code), len(instance.models))
    group, batch = np.empty(len(requests), dtype=np.int64), np.empty(len(requests), dtype=np.int64)
    spent, model = np.empty(len(requests)), requests.model
    overhead = instance.overheads.request_s
    given = (requests.arrival_s, model, tables.slo_s, overhead, latency, np.array(sizes), tables.stages, config)
    serve_batches(*given, hosted.reshape(shape), group, spent, batch)
    busy = np.zeros(len(code))
    for g, (c, _) in enumerate(code):
        mine = group == g
        step = latency[model[mine], c, np.searchsorted(sizes, batch[mine])] / batch[mine, None]
        busy[g] = step.sum(axis=0).max(initial=0.0)
    span = float((np.nan_to_num(spent) + requests.arrival_s).max(initial=0.0))
    return ServingReport(instance, requests, group, spent, busy, span)


def _batch_latency(instance: PlacementInstance, sizes: Sequence[int]) -> FloatArray:
    """(M, C, B, S) stage latencies with the per-stage overhead, 0 where unmeasured."""
    tables = instance.tables
    models, shapes, depth = tables.latency_s.shape
    found = np.zeros((models, shapes, len(sizes), depth))
    for m, profile in enumerate(instance.models.profile):
        for c, configuration in enumerate(tables.configurations):
            for b, size in enumerate(sizes):
                row = instance.profiles.get(profile, configuration, size)
                if row is not None:
                    found[m, c, b, : configuration.inter_op] = instance.inflated(row)
    return found


def _busy(instance: PlacementInstance, code: Code, workload: Workload, group: IntArray) -> FloatArray:
    """(G,) seconds of work on the busiest stage of every group."""
    latency, busy = instance.tables.latency_s, np.zeros(len(code))
    for g, (shape, _) in enumerate(code):
        served = np.bincount(workload.model[group == g], minlength=len(instance.models))
        busy[g] = (served @ latency[:, shape, :]).max(initial=0.0)
    return busy
