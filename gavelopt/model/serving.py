"""What is served: models with measured stage latencies and weights, and the requests for them.

A model runs under a configuration (inter-op stages x intra-op width): its layers are cut into ``inter_op`` pipeline
stages, each of which is spread over ``intra_op`` accelerators. A profile row gives the latency of every stage at one
batch size and the weights that one accelerator of every stage has to hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.labels import Labels
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray, as_floats, read_only, vector


@dataclass(frozen=True, order=True)
class Configuration:
    """``inter_op`` pipeline stages, each on ``intra_op`` accelerators; ordered by (inter_op, intra_op)."""

    inter_op: int = 1
    intra_op: int = 1

    def __post_init__(self) -> None:
        for name in ("inter_op", "intra_op"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise InputError(f"{name} out of range", seen=repr(value), rule="a whole number >= 1")
            object.__setattr__(self, name, int(value))

    @property
    def size(self) -> int:
        """Accelerators that a group of this configuration holds."""
        return self.inter_op * self.intra_op

    def __str__(self) -> str:
        return f"({self.inter_op},{self.intra_op})"


@dataclass(frozen=True)
class ServingProfile:
    """One measured row: (inter_op,) stage latencies in seconds and weights in GiB per accelerator, at one batch size.

    Raises:
        InputError: not one value a stage, a latency that is not positive, a negative weight.
    """

    model: str
    configuration: Configuration
    stage_latency_s: tuple[float, ...]
    stage_weight_gib: tuple[float, ...]
    batch: int = 1

    def __post_init__(self) -> None:
        place = f"profile of {self.model!r} {self.configuration}, batch {self.batch}"
        stages = Labels.numbered("stage ", self.configuration.inter_op, "stage")
        try:
            latency = vector(self.stage_latency_s, len(stages), "stage_latency_s", stages, strict=True)
            weight = vector(self.stage_weight_gib, len(stages), "stage_weight_gib", stages)
        except InputError as error:
            raise error.at(place) from None
        if isinstance(self.batch, bool) or not isinstance(self.batch, int | np.integer) or self.batch < 1:
            raise InputError("batch out of range", where=place, seen=repr(self.batch), rule="a whole number >= 1")
        object.__setattr__(self, "stage_latency_s", tuple(latency.tolist()))
        object.__setattr__(self, "stage_weight_gib", tuple(weight.tolist()))

    @property
    def latency_s(self) -> float:
        """Seconds through all stages, alone."""
        return sum(self.stage_latency_s)

    @property
    def slowest_stage_s(self) -> float:
        """Seconds between two batches at full load."""
        return max(self.stage_latency_s)

    @property
    def weight_gib(self) -> float:
        """GiB that the fullest accelerator holds."""
        return max(self.stage_weight_gib)


@dataclass(frozen=True, eq=False)
class ServingProfiles:
    """Measured rows by (model, configuration, batch); each at most once."""

    rows: tuple[ServingProfile, ...]

    def __init__(self, rows: Iterable[ServingProfile]) -> None:
        object.__setattr__(self, "rows", tuple(rows))
        if len(self._at) < len(self.rows):
            seen: set[tuple[str, Configuration, int]] = set()
            for row in self.rows:
                key = (row.model, row.configuration, row.batch)
                if key in seen:
                    raise InputError(
                        f"two profiles of {row.model!r} {row.configuration} at batch {row.batch}",
                        rule="one row for every model, configuration and batch",
                        fix="keep the one you trust",
                    )
                seen.add(key)

    @cached_property
    def _at(self) -> dict[tuple[str, Configuration, int], ServingProfile]:
        return {(row.model, row.configuration, row.batch): row for row in self.rows}

    @property
    def models(self) -> list[str]:
        """The profiled models in order of first appearance."""
        return list(dict.fromkeys(row.model for row in self.rows))

    def configurations(self, model: str) -> list[Configuration]:
        """The configurations in which ``model`` was measured at batch 1, in order. Raises UnknownName."""
        if model not in self.models:
            raise UnknownName.among("model profile", model, self.models)
        return sorted({row.configuration for row in self.rows if row.model == model and row.batch == 1})

    def batches(self, model: str, configuration: Configuration) -> list[int]:
        """The batch sizes measured for ``model`` under ``configuration``, ascending."""
        return sorted(r.batch for r in self.rows if r.model == model and r.configuration == configuration)

    def get(self, model: str, configuration: Configuration, batch: int = 1) -> ServingProfile | None:
        """The row, or None where it was not measured."""
        return self._at.get((model, configuration, batch))

    def single_latency_s(self, model: str) -> float:
        """Seconds of one request on one accelerator. Raises InputError where that was not measured."""
        row = self.get(model, Configuration())
        if row is None:
            raise InputError(f"model {model!r} has no profile on one accelerator", rule="configuration (1,1), batch 1")
        return row.latency_s


@dataclass(frozen=True, eq=False)
class ServedModels:
    """M models to be served.

    names: what they are called; profile: which profiled model each one is (several may be copies of one).
    slo_s: (M,) latency objective in seconds; rate_rps: (M,) mean requests a second, or None where only requests are known;
    cv: (M,) coefficient of variation of the gaps between arrivals (1: Poisson), or None.
    """

    names: Labels
    profile: tuple[str, ...]
    slo_s: FloatArray
    rate_rps: FloatArray | None = None
    cv: FloatArray | None = None

    def __init__(
        self,
        names: Iterable[str],
        profile: Sequence[str],
        slo_s: object,
        rate_rps: object = None,
        cv: object = None,
    ) -> None:
        labels = names if isinstance(names, Labels) else Labels(names, "model")
        if len(profile) != len(labels):
            raise InputError(
                "one profile name a model", seen=f"{len(profile)} profiles, {len(labels)} models", rule="equal numbers"
            )
        put = object.__setattr__
        put(self, "names", labels)
        put(self, "profile", tuple(profile))
        put(self, "slo_s", vector(slo_s, len(labels), "slo_s", labels, strict=True, infinite=True))
        for column, values in (("rate_rps", rate_rps), ("cv", cv)):
            put(self, column, None if values is None else vector(values, len(labels), column, labels))

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Overheads:
    """What serving costs beyond the measured stages: ``request_s`` seconds a request, ``per_stage`` a stage.

    Every stage latency of an S-stage pipeline is multiplied by 1 + per_stage * S. The defaults are AlpaServe's.
    """

    request_s: float = 0.011
    per_stage: float = 0.009

    def __post_init__(self) -> None:
        for name in ("request_s", "per_stage"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"{name} out of range", seen=getattr(self, name), rule="a finite number >= 0")


NO_OVERHEADS = Overheads(0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Workload:
    """N requests in order of arrival.

    arrival_s: (N,) seconds >= 0, never falling; model: (N,) position of the model asked for.
    counted: the requests [first, last) that count in attainment; the others only load the system. None: all.
    """

    arrival_s: FloatArray
    model: IntArray
    counted: tuple[int, int]

    def __init__(self, arrival_s: object, model: object, counted: tuple[int, int] | None = None) -> None:
        arrival = as_floats(arrival_s, "arrival_s")
        if arrival.ndim != 1:
            raise InputError("arrival_s has the wrong shape", seen=arrival.shape, rule="one number a request")
        number = Labels.numbered("", len(arrival), "request")
        asked = np.array(model)
        if asked.shape != arrival.shape or (asked.size and asked.dtype.kind not in "iu"):
            raise InputError(
                "model must be one position a request",
                seen=f"{asked.dtype} {asked.shape}",
                rule=f"integers, {arrival.shape}",
            )
        falls = np.diff(arrival) < 0
        if falls.any():
            at = int(np.argmax(falls)) + 1
            raise InputError(
                "arrivals are not in order",
                where=f"request {at}",
                seen=f"{arrival[at]} after {arrival[at - 1]}",
                fix="Workload.of sorts them",
            )
        first, last = (0, len(arrival)) if counted is None else counted
        if not 0 <= first <= last <= len(arrival):
            raise InputError("counted out of range", seen=counted, rule=f"0 <= first <= last <= {len(arrival)}")
        put = object.__setattr__
        put(self, "arrival_s", vector(arrival, len(arrival), "arrival_s", number))
        put(self, "model", read_only(asked.astype(np.int64)))
        put(self, "counted", (int(first), int(last)))

    @classmethod
    def of(cls, arrivals: Mapping[int, object] | Sequence[object]) -> Workload:
        """The requests of several models, ``arrivals[m]`` the times of model m, merged by time (ties: lower model first)."""
        parts = arrivals.items() if isinstance(arrivals, Mapping) else enumerate(arrivals)
        times = {int(m): np.sort(as_floats(values, "arrivals")) for m, values in parts}
        time = np.concatenate([np.zeros(0), *times.values()])
        who = np.concatenate([np.zeros(0, dtype=np.int64), *(np.full(len(v), m) for m, v in times.items())])
        order = np.lexsort((who, time))
        return cls(time[order], who[order].astype(np.int64))

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def counts(self) -> int:
        """Number of requests that count."""
        return self.counted[1] - self.counted[0]

    @property
    def duration_s(self) -> float:
        """Seconds from the first arrival to the last."""
        return float(self.arrival_s[-1] - self.arrival_s[0]) if len(self) else 0.0

    def per_model(self, models: int) -> IntArray:
        """(M,) counted requests of each model."""
        first, last = self.counted
        return np.bincount(self.model[first:last], minlength=models)

    def trimmed(self, seconds: float) -> Workload:
        """The same requests, of which the first and last ``seconds`` (by request count, as AlpaServe reports) do not count."""
        skip = int(seconds / self.duration_s * len(self)) if self.duration_s > 0 else 0
        return Workload(self.arrival_s, self.model, (skip, max(skip, len(self) - skip)))

    def only(self, models: Sequence[int]) -> Workload:
        """The requests for the given models; positions stay those of the full set."""
        return self._where(np.isin(self.model, np.asarray(models, dtype=np.int64)))

    def between(self, start_s: float, end_s: float) -> Workload:
        """The requests that arrive in [start_s, end_s), at their own times."""
        return self._where((self.arrival_s >= start_s) & (self.arrival_s < end_s))

    def _where(self, kept: BoolArray) -> Workload:
        first, last = (int(kept[:edge].sum()) for edge in self.counted)
        return Workload(self.arrival_s[kept], self.model[kept], (first, last))

    def __repr__(self) -> str:
        return f"Workload({len(self)} requests in {self.duration_s:.1f} s)"
