"""Which models sit on which group of accelerators: the instance and the decision of the kind "placement".

A placement is a set of device groups. Each group holds configuration.size accelerators, runs one pipeline and hosts a
set of models; a model may be hosted by many groups (replicas), at most once by each.

    sum over groups of size_g  <=  devices
    sum over the models of g of their weight on one accelerator  <=  memory of one accelerator      for every group g

Canonical order (part of the specification, because equal clocks go to the lower group): groups stand by
(inter_op, intra_op), then by their set of models read as a binary number whose lowest bit is model 0.

As the shared matrix: row = model, column = (model, group). X[m, g] is the share of the model's requests that g serves in
time, the resource is the group's slowest stage (capacity 1: all of the time), T[m, g] = 1 / slowest stage. So
R = arrival rate, use = arrival rate / T, and  U x <= 1  is Gavel's row  sum_m X T^-1 <= 1. Memory is no linear row in X
(a replica holds its weights however few requests it serves); the judge checks it on the placement itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from gavelopt.errors import InputError, UnknownName
from gavelopt.labels import Labels
from gavelopt.model.allocation import Allocation
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray, read_only
from gavelopt.model.cluster import Cluster
from gavelopt.model.serving import (
    Configuration,
    Overheads,
    ServedModels,
    ServingProfile,
    ServingProfiles,
    Workload,
)
from gavelopt.model.space import AllocationSpace

MEMORY_SLACK = 1e-9  # relative: sums of weights carry rounding
SHARES = "gavelopt.judge.placement:shares_of"  # bound by name: the judge stands above the nouns

Code = tuple[tuple[int, int], ...]
"""A placement in bare numbers: (position of the configuration, models as a binary number) for each group, in order."""


@dataclass(frozen=True)
class DeviceGroup:
    """One pipeline and the positions of the models it hosts, ascending."""

    configuration: Configuration
    models: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(set(self.models)) < len(self.models):
            raise InputError("a group hosts a model at most once", seen=self.models)
        object.__setattr__(self, "models", tuple(sorted(int(m) for m in self.models)))

    @property
    def mask(self) -> int:
        """The models as a binary number."""
        return sum(1 << m for m in self.models)


@dataclass(frozen=True)
class Placement:
    """Device groups in canonical order (see the head of this file); groups that host nothing are left out."""

    groups: tuple[DeviceGroup, ...]

    def __init__(self, groups: Iterable[DeviceGroup]) -> None:
        hosting = [group for group in groups if group.models]
        object.__setattr__(self, "groups", tuple(sorted(hosting, key=lambda group: (group.configuration, group.mask))))

    @property
    def devices(self) -> int:
        """Accelerators held by the groups."""
        return sum(group.configuration.size for group in self.groups)

    @property
    def replicas(self) -> int:
        """(model, group) pairs."""
        return sum(len(group.models) for group in self.groups)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, ready for JSON; models by position."""
        return {
            "groups": [
                {
                    "inter_op": group.configuration.inter_op,
                    "intra_op": group.configuration.intra_op,
                    "models": list(group.models),
                }
                for group in self.groups
            ]
        }


@dataclass(frozen=True)
class PlacementSchedule:
    """Placements over time: ``placements[k]`` serves the requests that arrive from ``starts_s[k]`` on, with idle clocks.

    Switching costs nothing and a new window owes nothing to the last: the assumption of Clockwork++.
    """

    starts_s: tuple[float, ...]
    placements: tuple[Placement, ...]

    def __post_init__(self) -> None:
        if len(self.starts_s) != len(self.placements) or not self.placements:
            raise InputError("one start a placement", seen=f"{len(self.starts_s)} and {len(self.placements)}")
        if any(b <= a for a, b in zip(self.starts_s, self.starts_s[1:], strict=False)):
            raise InputError("the starts must rise", seen=self.starts_s)

    @property
    def replicas(self) -> int:
        """The most (model, group) pairs at any time."""
        return max(placement.replicas for placement in self.placements)

    def windows(self, workload: Workload) -> list[tuple[Placement, Workload]]:
        """Each placement with the requests that arrive while it stands (the first also takes the earlier ones)."""
        edges = [0.0, *self.starts_s[1:], float("inf")]
        return [
            (placement, workload.between(start, end))
            for placement, start, end in zip(self.placements, edges, edges[1:], strict=False)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, ready for JSON."""
        return {"starts_s": list(self.starts_s), "placements": [placement.to_dict() for placement in self.placements]}


Plan = Placement | PlacementSchedule


@dataclass(frozen=True, eq=False)
class ServingTables:
    """The instance as arrays over M models and C configurations; latencies carry the per-stage overhead.

    latency_s: (M, C, S) stage latencies, 0 beyond the last stage, all 0 where unmeasured; rounded to float32 as AlpaServe
    stores them. measured: (M, C) whether there is a profile. weight_gib: (M, C) on the fullest accelerator, infinite where
    unmeasured. stages, size: (C,). slo_s: (M,), rounded likewise. usable: (M, C) alone it fits and meets its objective.
    """

    configurations: tuple[Configuration, ...]
    latency_s: FloatArray
    measured: BoolArray
    weight_gib: FloatArray
    stages: IntArray
    size: IntArray
    slo_s: FloatArray
    usable: BoolArray

    @cached_property
    def slowest_s(self) -> FloatArray:
        """(M, C) slowest stage; 0 where unmeasured."""
        return read_only(self.latency_s.max(axis=2, initial=0.0))

    @cached_property
    def total_s(self) -> FloatArray:
        """(M, C) sum of the stages; 0 where unmeasured."""
        return read_only(self.latency_s.sum(axis=2))


@dataclass(frozen=True, eq=False)
class PlacementInstance:
    """Models with latency objectives, the devices, the profiles, and the requests that judge a placement.

    cluster: one accelerator type, a whole count, and the weight budget of one accelerator as memory_gib.
    workload: the requests on which every placement is judged.
    training: the requests that methods may look at; None lets them look at ``workload`` itself.

    Raises:
        InputError: several accelerator types, no memory, a model without any profile, a request for an unknown model.
    """

    cluster: Cluster
    models: ServedModels
    profiles: ServingProfiles
    workload: Workload
    training: Workload | None = None
    overheads: Overheads = field(default_factory=Overheads)
    name: str | None = None
    notes: tuple[str, ...] = ()

    kind = "placement"

    def __post_init__(self) -> None:
        if len(self.cluster) != 1:
            raise InputError(
                "a placement needs one accelerator type", seen=f"{len(self.cluster)} types", fix="one instance a type"
            )
        label, count = f"accelerator {self.cluster.accelerators[0]!r}", float(self.cluster.count[0])
        if count != int(count):
            raise InputError("the number of devices must be whole", where=label, seen=count)
        if self.cluster.memory_gib is None:
            raise InputError("memory_gib is missing", where=label, rule="the weight budget of one accelerator in GiB")
        known = self.profiles.models
        for name, profile in zip(self.models.names, self.models.profile, strict=True):
            if profile not in known:
                raise UnknownName.among("model profile", profile, known, where=f"model {name!r}")
        for which in (self.workload, self.training):
            if which is not None and len(which) and not 0 <= which.model.min() <= which.model.max() < len(self.models):
                raise InputError(
                    "a request asks for a model that is not there",
                    seen=int(which.model.max()),
                    rule=f"positions 0 to {len(self.models) - 1}",
                )

    @property
    def devices(self) -> int:
        """Number of accelerators."""
        return int(self.cluster.count[0])

    @property
    def memory_gib(self) -> float:
        """Weight budget of one accelerator."""
        assert self.cluster.memory_gib is not None
        return float(self.cluster.memory_gib[0])

    @property
    def planning(self) -> Workload:
        """The requests that methods may look at."""
        return self.workload if self.training is None else self.training

    @cached_property
    def tables(self) -> ServingTables:
        """The profiles as arrays over the configurations that fit on the devices, in canonical order."""
        every = {c for profile in set(self.models.profile) for c in self.profiles.configurations(profile)}
        configurations = tuple(sorted(c for c in every if c.size <= self.devices))
        shape = (len(self.models), len(configurations))
        stages = np.array([c.inter_op for c in configurations], dtype=np.int64)
        latency = np.zeros((*shape, int(stages.max(initial=1))))
        measured, weight = np.zeros(shape, dtype=bool), np.full(shape, np.inf)
        for m, profile in enumerate(self.models.profile):
            for c, configuration in enumerate(configurations):
                row = self.profiles.get(profile, configuration)
                if row is not None:
                    latency[m, c, : configuration.inter_op] = self.inflated(row)
                    measured[m, c], weight[m, c] = True, row.weight_gib
        slo = self.models.slo_s.astype(np.float32).astype(np.float64)
        in_time = latency.sum(axis=2) + self.overheads.request_s <= slo[:, None]
        usable = measured & in_time & (weight <= self.budget_gib)
        size = np.array([c.size for c in configurations], dtype=np.int64)
        arrays = (latency, measured, weight, stages, size, slo, usable)
        return ServingTables(configurations, *map(read_only, arrays))

    def inflated(self, row: ServingProfile) -> FloatArray:
        """(S,) stage latencies of a profile with the per-stage overhead, rounded to float32 as AlpaServe stores them."""
        factor = 1.0 + self.overheads.per_stage * row.configuration.inter_op
        return (np.array(row.stage_latency_s) * factor).astype(np.float32).astype(np.float64)

    @property
    def budget_gib(self) -> float:
        """The memory budget with room for rounding."""
        return self.memory_gib * (1.0 + MEMORY_SLACK)

    def placement(self, groups: Iterable[tuple[Configuration | tuple[int, int], Sequence[str]]]) -> Placement:
        """A placement by names: ``[((4, 1), ["m0", "m3"]), ...]``. Raises UnknownName, InputError."""
        made = []
        for configuration, names in groups:
            shape = configuration if isinstance(configuration, Configuration) else Configuration(*configuration)
            made.append(DeviceGroup(shape, tuple(self.models.names.index(name) for name in names)))
        return Placement(made)

    def code(self, placement: Placement) -> Code:
        """The placement in bare numbers. Raises UnknownName for a configuration that no model was measured in."""
        known = {c: at for at, c in enumerate(self.tables.configurations)}
        for group in placement.groups:
            if group.configuration not in known:
                raise UnknownName.among("configuration", str(group.configuration), map(str, known))
        return tuple((known[group.configuration], group.mask) for group in placement.groups)

    def decode(self, code: Code) -> Placement:
        """The placement behind bare numbers."""
        shapes = self.tables.configurations
        return Placement(DeviceGroup(shapes[c], positions(mask)) for c, mask in code)

    def names_of(self, group: DeviceGroup) -> list[str]:
        """The names of the models that a group hosts."""
        return [self.models.names[m] for m in group.models]

    def allocation(self, plan: Plan) -> Allocation:
        """The plan as the matrix models x groups of served shares; see the head of this file."""
        parts = [(None, plan)] if isinstance(plan, Placement) else list(enumerate(plan.placements))
        module, _, name = SHARES.partition(":")
        shares = getattr(importlib.import_module(module), name)(self, plan)
        labels: list[str] = []
        columns: list[tuple[int, int, Configuration]] = []
        for window, part in parts:
            prefix = "" if window is None else f"w{window} "
            for at, group in enumerate(part.groups):
                columns += [(len(labels), m, group.configuration) for m in group.models]
                labels.append(f"{prefix}g{at} {group.configuration}")
        return Allocation(self._space(Labels(labels, "group"), columns), shares)

    def _space(self, groups: Labels, columns: Sequence[tuple[int, int, Configuration]]) -> AllocationSpace:
        offered = self.workload.per_model(len(self.models)) / max(self.workload.duration_s, 1e-9)
        at = {c: k for k, c in enumerate(self.tables.configurations)}
        group = np.array([g for g, _, _ in columns], dtype=np.int64)
        model = np.array([m for _, m, _ in columns], dtype=np.int64)
        slowest = np.array([self.tables.slowest_s[m, at[c]] for _, m, c in columns])
        start = np.arange(len(columns) + 1)
        by_model, by_group = (len(self.models), len(columns)), (len(groups), len(columns))
        return AllocationSpace.from_columns(
            self.models.names,
            groups,
            np.ones(len(groups)),
            sparse.csc_array((offered[model], model, start), shape=by_model),
            sparse.csc_array((np.ones(len(columns)), model, start), shape=by_model),
            sparse.csc_array((offered[model] * slowest, group, start), shape=by_group),
        )

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know about this instance before believing any answer."""
        found = list(self.notes)
        hopeless = np.flatnonzero(~self.tables.usable.any(axis=1))
        if len(hopeless):
            shown = ", ".join(self.models.names[int(m)] for m in hopeless[:5]) + (", ..." if len(hopeless) > 5 else "")
            found.append(
                f"{len(hopeless)} model(s) fit in no measured configuration within their latency objective: {shown}"
            )
        return tuple(found)

    def replace(self, **changes: Any) -> PlacementInstance:
        """A copy with some fields replaced."""
        return replace(self, **changes)

    def with_devices(self, count: int) -> PlacementInstance:
        """The same question on another number of accelerators."""
        return replace(self, cluster=self.cluster.with_count([count]))

    def __repr__(self) -> str:
        return f"PlacementInstance({len(self.models)} models, {self.devices} devices, {self.workload!r})"


def positions(mask: int) -> tuple[int, ...]:
    """The positions of the bits that are set, ascending."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return tuple(found)
