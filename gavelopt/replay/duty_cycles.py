"""A packing plan served over time: arrivals, batching on every GPU, drops, latencies.

    plan = go.solve(instance, "squishy").plan
    arrivals = {"s0": go.serving.poisson_arrivals(64.0, 60.0, seed=1), ...}
    report = go.packing.serve_packing(instance, plan, arrivals, drop="early")
    report.attainment, report.good_rps, report.worst_ms

A session on several GPUs sends its requests to them by smooth weighted round robin, in proportion to the rates that the
plan gives it there. Every GPU is simulated by itself (duty_cycles_kernel.py has the rules).

Where requests come evenly at the planned rates nobody is late, as the plan promises; with ``pacing="cycle"`` only sessions on
one GPU are promised that, because dealing requests out to several makes some come a little early or late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.labels import Labels
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.packing import PackingInstance
from gavelopt.model.packing_plan import DutyCycle, PackingPlan

DROPS = ("none", "lazy", "early")
PACINGS = ("free", "cycle")
CONTENTS = ("mean", "heaviest")


@dataclass(frozen=True, eq=False)
class PackingReport:
    """What became of every request.

    session: (N,) position; arrival_us: (N,); latency_us: (N,) from arrival to answer, NaN where dropped; slo_us: (K,).
    busy: (G,) part of the time each GPU worked; batches: run in all.
    """

    sessions: Labels
    slo_us: IntArray
    session: IntArray
    arrival_us: FloatArray
    latency_us: FloatArray
    busy: FloatArray
    batches: int

    @property
    def good(self) -> BoolArray:
        """(N,) answered within the objective (to a thousandth of a microsecond)."""
        return np.asarray(self.latency_us <= self.slo_us[self.session] + 1e-3)

    @property
    def attainment(self) -> float:
        """Part of the requests answered in time; 1 where there are none."""
        return float(self.good.mean()) if len(self.session) else 1.0

    @property
    def dropped(self) -> int:
        """Requests dropped."""
        return int(np.isnan(self.latency_us).sum())

    @property
    def late(self) -> int:
        """Requests answered too late."""
        return int((~self.good).sum()) - self.dropped

    def per_session(self) -> dict[str, dict[str, float]]:
        """{session: requests, attainment, dropped, worst_ms}; worst_ms is NaN where none was answered."""
        found = {}
        for k, name in enumerate(self.sessions):
            own = self.session == k
            latency = self.latency_us[own]
            found[name] = {
                "requests": int(own.sum()),
                "attainment": float(self.good[own].mean()) if own.any() else 1.0,
                "dropped": int(np.isnan(latency).sum()),
                "worst_ms": float(np.nanmax(latency)) / 1000 if (~np.isnan(latency)).any() else float("nan"),
            }
        return found


def serve_packing(
    instance: PackingInstance,
    plan: PackingPlan,
    arrivals: Mapping[str, FloatArray],
    *,
    drop: str = "early",
    pacing: str = "free",
    content: Mapping[str, FloatArray] | None = None,
    batch_of: str = "mean",
    overlap: bool = True,
    cpu_cores: int = 1,
) -> PackingReport:
    """Serve requests with a plan.

    Args:
        arrivals: for each session the arrival times in seconds, rising.
        drop: ``none``, ``lazy`` (Clipper) or ``early`` (Nexus).
        pacing: ``free``, work-conserving as the real executor; or ``cycle``, as the plan has it.
        content: for each session the weight of every request's content: a batch takes l(n) times ``batch_of`` its weights.
        batch_of: ``mean``, or ``heaviest`` (padding to the largest request).
        overlap: CPU work before and after the GPU runs beside it; otherwise the GPU waits for it, on ``cpu_cores`` cores.

    Raises:
        InputError: an unknown session or option, arrivals that do not rise, contents of another length.
    """
    for noun, value, known in (("drop", drop, DROPS), ("pacing", pacing, PACINGS), ("batch_of", batch_of, CONTENTS)):
        if value not in known:
            raise UnknownName.among(noun, value, known)
    if cpu_cores < 1:
        raise InputError("cpu_cores out of range", seen=cpu_cores, rule=">= 1")
    times, weights = _requests(instance, arrivals, content)
    gpus = [cycle for cycle in plan.cycles for _ in range(cycle.count)]
    target = _dispatched(gpus, times)
    session = np.repeat(np.arange(len(times)), [len(t) for t in times])
    latency = np.concatenate([np.full(len(t), np.nan) for t in times]) if times else np.zeros(0)
    first = np.concatenate([[0], np.cumsum([len(t) for t in times])])
    options = (DROPS.index(drop), PACINGS.index(pacing), batch_of == "heaviest", overlap, cpu_cores)
    busy, batches = np.zeros(len(gpus)), 0
    for g, cycle in enumerate(gpus):
        mine = [np.flatnonzero(target[k] == g) for k in cycle.sessions]
        answer, busy[g], ran = _one_gpu(instance, cycle, times, weights, mine, options)
        batches += ran
        for k, rows, answered in zip(cycle.sessions, mine, answer, strict=True):
            latency[first[k] + rows] = answered
    everything = np.concatenate(times) if times else np.zeros(0)
    return PackingReport(instance.sessions.names, instance.sessions.slo_us, session, everything, latency, busy, batches)


def _requests(
    instance: PackingInstance, arrivals: Mapping[str, FloatArray], content: Mapping[str, FloatArray] | None
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Arrival times in microseconds and contents, by session."""
    names = instance.sessions.names
    times, weights = [np.zeros(0)] * len(names), [np.zeros(0)] * len(names)
    for name, seconds in arrivals.items():
        k = names.index(name)
        times[k] = np.asarray(seconds, dtype=np.float64) * 1e6
        if len(times[k]) and not (np.isfinite(times[k]).all() and (np.diff(times[k]) >= 0).all()):
            raise InputError("arrival times must be finite and rise", where=f"session {name!r}")
        weights[k] = np.ones(len(times[k]))
    for name, weight in (content or {}).items():
        k = names.index(name)
        weights[k] = np.asarray(weight, dtype=np.float64)
        if weights[k].shape != times[k].shape or (weights[k] <= 0).any():
            raise InputError(
                "content must be one weight > 0 a request", where=f"session {name!r}", seen=weights[k].shape
            )
    return times, weights


def _dispatched(gpus: list[DutyCycle], times: list[FloatArray]) -> list[IntArray]:
    """For each session the GPU of each of its requests; -1 where no GPU serves it."""
    from gavelopt.replay.duty_cycles_kernel import dispatch

    homes: list[list[tuple[int, float]]] = [[] for _ in times]
    for g, cycle in enumerate(gpus):
        for at, k in enumerate(cycle.sessions):
            homes[k].append((g, float(cycle.rate_urps(at))))
    found = []
    for own, arrived in zip(homes, times, strict=True):
        if not own:
            found.append(np.full(len(arrived), -1))
            continue
        places, rates = (np.array(column) for column in zip(*own, strict=True))
        found.append(places[dispatch(len(arrived), rates)])
    return found


def _one_gpu(
    instance: PackingInstance,
    cycle: DutyCycle,
    times: list[FloatArray],
    weights: list[FloatArray],
    mine: list[IntArray],
    options: tuple[Any, ...],
) -> tuple[list[FloatArray], float, int]:
    """Latency of each session's requests on this GPU (NaN dropped), the part of the time it worked, batches run."""
    from gavelopt.replay.duty_cycles_kernel import DROPPED, serve

    drop, pacing, heaviest, overlap, cores = options
    arrived = [times[k][rows] for k, rows in zip(cycle.sessions, mine, strict=True)]
    before, after = _cpu_us(instance, cycle)
    curves = [instance.curve(k, cycle.accelerator) for k in cycle.sessions]
    latency = [curve.latency_us[:b].astype(np.float64) for curve, b in zip(curves, cycle.batches, strict=True) if curve]
    slo = instance.sessions.slo_us[list(cycle.sessions)]
    beside = 1.0 if overlap else 0.0
    ready = [t + beside * b for t, b in zip(arrived, before, strict=True)]
    deadline = [t + s - beside * a for t, s, a in zip(arrived, slo, after, strict=True)]
    end, busy, batches = serve(
        np.concatenate([[0], np.cumsum([len(t) for t in arrived])]),
        np.concatenate(ready),
        np.concatenate(deadline),
        np.concatenate([weights[k][rows] for k, rows in zip(cycle.sessions, mine, strict=True)]),
        np.concatenate([[0], np.cumsum([len(row) for row in latency])]),
        np.concatenate(latency),
        np.array(cycle.batches, dtype=np.int64),
        float(cycle.duty_us),
        drop,
        pacing,
        heaviest,
        0.0 if overlap else float(np.mean(before + after)) / cores,
    )
    cuts = np.cumsum([len(t) for t in arrived])[:-1]
    answers = [
        np.where(done == DROPPED, np.nan, done + beside * a - t)
        for done, a, t in zip(np.split(end, cuts), after, arrived, strict=True)
    ]
    span = max((float(t[-1]) for t in arrived if len(t)), default=0.0)
    return answers, busy / max(span, float(end.max(initial=0.0)), 1.0), int(batches)


def _cpu_us(instance: PackingInstance, cycle: DutyCycle) -> tuple[FloatArray, FloatArray]:
    """CPU time of one request before and after the GPU, for each session of a GPU."""
    known = {(p.model, p.accelerator): (p.preprocess_us, p.postprocess_us) for p in instance.profiles}
    name = instance.accelerators[cycle.accelerator]
    pairs = [known[instance.sessions.model[k], name] for k in cycle.sessions]
    return np.array([b for b, _ in pairs], dtype=float), np.array([a for _, a in pairs], dtype=float)
