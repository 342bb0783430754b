"""Packing: which models share a GPU, at which batch and duty cycle (Nexus).

A session k is a model with a request rate R_k and a latency objective L_k. One GPU repeats a duty cycle of d microseconds
and runs in each cycle one batch of b_k requests of every session k placed on it. That GPU serves

    rate_k = b_k / d        if    sum_k l_k(b_k) <= d    and    d + l_k(b_k) <= L_k    for each of its sessions

(a request waits one cycle at most, then runs). A GPU with one session and d = l(b) is the special case 2 l(b) <= L.
Latencies, objectives and duty cycles are whole microseconds and rates whole microrequests per second, so that every test
above is exact arithmetic on integers. Latencies are rounded up, SLOs down, and rates down (by less than one request in
eleven days), so that a rate computed as n times the peak of a GPU needs n GPUs and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray, positions, read_only, vector
from gavelopt.model.latency import INTERPOLATIONS, US_PER_MS, BatchProfile, LatencyCurve
from gavelopt.model.queries import Query

if TYPE_CHECKING:
    from gavelopt.model.allocation import Allocation

MICRO = 1_000_000  # microrequests in a request, microseconds in a second, and the unit of a price
GIB = 1 << 30
UNLIMITED = np.int64(1) << 60


@dataclass(frozen=True)
class GpuType:
    """An accelerator type that sessions may be packed on.

    count: how many there are, None for as many as needed; cost_per_hour, memory_gib: None where unknown.
    """

    name: str
    count: int | None = None
    cost_per_hour: float | None = None
    memory_gib: float | None = None

    def __post_init__(self) -> None:
        for column in ("count", "cost_per_hour", "memory_gib"):
            value = getattr(self, column)
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise InputError(
                    f"{column} out of range",
                    where=f"accelerator {self.name!r}",
                    seen=value,
                    rule="a number >= 0, or none",
                )
        if self.count is not None and self.count != int(self.count):
            raise InputError("count out of range", where=f"accelerator {self.name!r}", seen=self.count, rule="whole")


@dataclass(frozen=True, eq=False)
class SessionSet:
    """K sessions in columns.

    Args:
        names: unique names, or a number of sessions (then s0, s1, ...).
        model: (K,) the model each session runs, a key of the profiles.
        rate_rps: (K,) requests per second, >= 0.
        slo_ms: (K,) latency objective in milliseconds, > 0.

    Raises:
        InputError: a wrong shape, a value out of range (named by session), a duplicate name.
    """

    names: Labels
    model: tuple[str, ...]
    rate_rps: FloatArray
    slo_ms: FloatArray

    def __init__(self, names: Iterable[str] | int, *, model: Sequence[str], rate_rps: object, slo_ms: object) -> None:
        labels = Labels.numbered("s", names, "session") if isinstance(names, int) else Labels(names, "session")
        models = tuple(model)
        if len(models) != len(labels):
            raise InputError("model has the wrong length", seen=len(models), rule=f"one a session: {len(labels)}")
        put = object.__setattr__
        put(self, "names", labels)
        put(self, "model", models)
        put(self, "rate_rps", vector(rate_rps, len(labels), "rate_rps", labels))
        put(self, "slo_ms", vector(slo_ms, len(labels), "slo_ms", labels, strict=True))

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def rate_urps(self) -> IntArray:
        """(K,) rates in whole microrequests per second, rounded down (but not for an error of the floating point).

        A positive rate is at least one.
        """
        exact = self.rate_rps * MICRO
        rounded = np.floor(exact + np.minimum(exact * 2.0**-50, 1e-3)).astype(np.int64)
        return read_only(np.where(self.rate_rps > 0, np.maximum(rounded, 1), 0))

    @cached_property
    def slo_us(self) -> IntArray:
        """(K,) objectives in whole microseconds, rounded down (but not for an error of the floating point)."""
        return read_only(np.floor(self.slo_ms * US_PER_MS + 1e-6).astype(np.int64))

    def take(self, rows: object) -> SessionSet:
        """The sessions at the given positions, in that order."""
        at = positions(len(self), rows)
        return SessionSet(
            [self.names[i] for i in at],
            model=[self.model[i] for i in at],
            rate_rps=self.rate_rps[at],
            slo_ms=self.slo_ms[at],
        )

    def replace(self, **columns: Any) -> SessionSet:
        """The same sessions with other ``rate_rps``, ``slo_ms`` or ``model``."""
        kept = {name: getattr(self, name) for name in ("model", "rate_rps", "slo_ms")}
        return SessionSet(self.names, **{**kept, **columns})

    def __repr__(self) -> str:
        return f"SessionSet({len(self)} sessions, {self.rate_rps.sum():g} requests/s)"


@dataclass(frozen=True)
class PrefixGroup:
    """Sessions whose models share a prefix: the prefix runs once for all, then each its own suffix.

    prefix: a profiled model; members: ((session, profiled model of its suffix), ...).
    """

    name: str
    prefix: str
    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class PackingInstance:
    """GPU types, profiles, and the sessions (and queries) to be served.

    Args:
        gpus: R accelerator types.
        profiles: batch latencies per (model, accelerator); a missing pair means the model cannot run there.
        sessions: K sessions.
        queries: trees or graphs of models with an end-to-end objective (policy ``latency_split``).
        prefix_groups: sessions that may be merged where their models share a prefix.
        interpolation: how latencies between measured batches are taken: ``step_up``, ``linear``, ``affine``.
        max_batch: no batch is larger; None for what the profiles have.

    Raises:
        InputError: a model without any profile here, two profiles for one pair, an unknown name, an option out of range.
    """

    gpus: Sequence[GpuType]
    profiles: Sequence[BatchProfile]
    sessions: SessionSet
    queries: Sequence[Query] = ()
    prefix_groups: Sequence[PrefixGroup] = ()
    interpolation: str = "step_up"
    max_batch: int | None = None
    name: str | None = None
    notes: Sequence[str] = ()
    _curves: dict[tuple[str, str], LatencyCurve] = field(default_factory=dict, repr=False)

    kind = "packing"

    def __post_init__(self) -> None:
        put = object.__setattr__
        for column in ("gpus", "profiles", "queries", "prefix_groups", "notes"):
            put(self, column, tuple(getattr(self, column)))
        if self.interpolation not in INTERPOLATIONS:
            raise UnknownName.among("interpolation", self.interpolation, INTERPOLATIONS)
        if self.max_batch is not None and self.max_batch < 1:
            raise InputError("max_batch out of range", seen=self.max_batch, rule="a whole number >= 1, or none")
        self._check_profiles()
        for position, model in enumerate(self.sessions.model):
            self._profiled(model, f"session {self.sessions.names[position]!r}")
        for query in self.queries:
            for stage in query.stages:
                self._profiled(stage.model, f"query {query.name!r}, stage {stage.name!r}")
        for group in self.prefix_groups:
            for session, suffix in group.members:
                self.sessions.names.index(session)
                self._profiled(suffix, f"prefix group {group.name!r}, session {session!r}")
            self._profiled(group.prefix, f"prefix group {group.name!r}")

    def _check_profiles(self) -> None:
        for profile in self.profiles:
            if profile.accelerator not in self.accelerators:
                continue  # a profile of a type that is not here is no mistake: tables come in bulk
            key = profile.model, profile.accelerator
            if key in self._curves:
                raise InputError("two profiles for one model and accelerator", where=f"{key[0]!r} on {key[1]!r}")
            limit = int(self.memory_bytes[self.accelerators.index(profile.accelerator)])
            self._curves[key] = profile.curve(self.interpolation, self.max_batch, limit)

    def _profiled(self, model: str, where: str) -> None:
        if not any((model, accelerator) in self._curves for accelerator in self.accelerators):
            known = dict.fromkeys(profile.model for profile in self.profiles)
            if model in known:
                raise InputError(
                    f"model {model!r} has no profile on any accelerator of this cluster",
                    where=where,
                    rule="accelerators here: " + ", ".join(self.accelerators),
                )
            raise UnknownName.among("model", model, known, where=where)

    @cached_property
    def accelerators(self) -> Labels:
        """The R type names."""
        return Labels([gpu.name for gpu in self.gpus], "accelerator")

    @cached_property
    def count(self) -> FloatArray:
        """(R,) GPUs of each type, +inf for as many as needed."""
        return read_only(np.array([np.inf if gpu.count is None else float(gpu.count) for gpu in self.gpus]))

    @cached_property
    def memory_bytes(self) -> IntArray:
        """(R,) memory of one GPU, UNLIMITED where unknown."""
        return read_only(
            np.array([UNLIMITED if g.memory_gib is None else int(g.memory_gib * GIB) for g in self.gpus], np.int64)
        )

    def price(self, minimise: str) -> IntArray:
        """(R,) what one GPU adds to the value, in millionths: 1 GPU, or its cost per hour.

        Raises:
            InputError: ``minimise="cost"`` and a type without a price.
        """
        if minimise == "gpus":
            return np.full(len(self.gpus), MICRO, dtype=np.int64)
        for gpu in self.gpus:
            if gpu.cost_per_hour is None:
                raise InputError(
                    "minimise='cost' needs the price of every type",
                    where=f"accelerator {gpu.name!r}",
                    fix="give cost_per_hour",
                )
        return np.array([round((gpu.cost_per_hour or 0.0) * MICRO) for gpu in self.gpus], dtype=np.int64)

    def curve(self, session: int, accelerator: int) -> LatencyCurve | None:
        """The latencies of a session's model on a type, None where it cannot run."""
        return self.curve_of(self.sessions.model[session], accelerator)

    def curve_of(self, model: str, accelerator: int) -> LatencyCurve | None:
        """The latencies of a model on a type, None where it has no profile or fits no GPU's memory."""
        found = self._curves.get((model, self.accelerators[accelerator]))
        return found if found else None

    def cpu_us(self, model: str, accelerator: int) -> int:
        """CPU time of one request before and after the GPU, 0 where nothing was measured."""
        return self._cpu.get((model, self.accelerators[accelerator]), 0)

    @cached_property
    def _cpu(self) -> dict[tuple[str, str], int]:
        return {(p.model, p.accelerator): p.preprocess_us + p.postprocess_us for p in self.profiles}

    @cached_property
    def budget_us(self) -> IntArray:
        """(K, R) the objective less the CPU time before and after the GPU; -1 where the model cannot run."""
        budget = np.full((len(self.sessions), len(self.gpus)), -1, dtype=np.int64)
        for column, accelerator in enumerate(self.accelerators):
            spent = np.array(
                [
                    self.cpu_us(model, column) if self._curves.get((model, accelerator)) else UNLIMITED
                    for model in self.sessions.model
                ],
                dtype=np.int64,
            )
            budget[:, column] = np.maximum(self.sessions.slo_us - spent, -1)
        return read_only(budget)

    @cached_property
    def best_batch(self) -> IntArray:
        """(K, R) B_k: the batch of highest throughput with 2 l(b) <= L, 0 where even b = 1 does not fit."""
        best = np.zeros(self.budget_us.shape, dtype=np.int64)
        of: dict[str, list[int]] = {}
        for k, model in enumerate(self.sessions.model):
            of.setdefault(model, []).append(k)
        for (model, accelerator), curve in self._curves.items():
            rows, column = np.array(of.get(model, []), dtype=np.int64), self.accelerators.index(accelerator)
            best[rows, column] = curve.fastest_within(self.budget_us[rows, column] // 2)
        return read_only(best)

    @cached_property
    def best_latency_us(self) -> IntArray:
        """(K, R) l(B_k) in microseconds, 0 where the session cannot be served."""
        found = np.zeros(self.best_batch.shape, dtype=np.int64)
        for k, r in np.argwhere(self.best_batch > 0):
            curve = self.curve(int(k), int(r))
            assert curve is not None
            found[k, r] = curve.latency(int(self.best_batch[k, r]))
        return read_only(found)

    @cached_property
    def peak_rps(self) -> FloatArray:
        """(K, R) T_k = B_k / l(B_k), requests per second of a GPU given wholly to the session; 0 where it cannot be served."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return read_only(np.where(self.best_batch > 0, self.best_batch * 1e6 / self.best_latency_us, 0.0))

    @cached_property
    def unservable(self) -> IntArray:
        """Positions of the sessions with requests that no type here can serve within their objective."""
        return np.flatnonzero((self.sessions.rate_urps > 0) & ~(self.best_batch > 0).any(axis=1))

    def smallest_slo_ms(self, session: int) -> float:
        """The smallest objective that any rate of this session can meet here: twice l(1), plus its CPU time.

        Infinite where no batch of its model fits the memory of any type.
        """
        least = np.inf
        for profile in self.profiles:
            curve = self._curves.get((profile.model, profile.accelerator))
            if profile.model == self.sessions.model[session] and curve:
                least = min(least, 2 * curve.latency(1) + profile.preprocess_us + profile.postprocess_us)
        return least / US_PER_MS

    def why_unservable(self) -> str:
        """One line a session that cannot be served: its objective, and the smallest one that works."""
        lines = []
        for k in self.unservable:
            need = self.smallest_slo_ms(int(k))
            if not np.isfinite(need):
                lines.append(
                    f"session {self.sessions.names[int(k)]!r}: no batch of {self.sessions.model[int(k)]!r} fits the "
                    "memory of any accelerator here"
                )
                continue
            lines.append(
                f"session {self.sessions.names[int(k)]!r}: SLO {self.sessions.slo_ms[k]:g} ms, but a batch of one waits one "
                f"batch and then runs, which takes {need:g} ms of {self.sessions.model[int(k)]!r}; the smallest SLO that "
                f"works is {need:g} ms"
            )
        return "\n".join(lines)

    def allocation(self, plan: Any) -> Allocation:
        """A plan as the shared matrix; see the plan's own ``allocation``."""
        return plan.allocation(self)  # type: ignore[no-any-return]

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know about this instance before believing any answer."""
        found = list(self.notes)
        used = {*self.sessions.model, *(stage.model for query in self.queries for stage in query.stages)}
        for profile in self.profiles:
            if profile.model in used and (profile.model, profile.accelerator) in self._curves:
                odd = profile.irregularities
                found += [f"{profile.model} on {profile.accelerator}: {'; '.join(odd)}"] if odd else []
        idle = np.flatnonzero(self.sessions.rate_urps == 0)
        if len(idle):
            found.append(f"{len(idle)} session(s) have no requests and get no GPU")
        return tuple(found)

    def replace(self, **changes: Any) -> PackingInstance:
        """A copy with some fields replaced."""
        names = (
            "gpus",
            "profiles",
            "sessions",
            "queries",
            "prefix_groups",
            "interpolation",
            "max_batch",
            "name",
            "notes",
        )
        return PackingInstance(**{name: changes.get(name, getattr(self, name)) for name in names})

    def __repr__(self) -> str:
        return (
            f"PackingInstance({len(self.sessions)} sessions, {len(self.queries)} queries, {len(self.gpus)} GPU types)"
        )
