"""One question: a cluster, the jobs on it, and how fast they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.labels import Labels
from gavelopt.model.arrays import BoolArray, FloatArray, read_only
from gavelopt.model.cluster import Cluster
from gavelopt.model.jobs import JobSet
from gavelopt.model.sharing import PairFamily, pair_family
from gavelopt.model.space import AllocationSpace
from gavelopt.model.throughput import ThroughputTable


@dataclass(frozen=True)
class Entity:
    """A team that owns jobs: its weight, and how time is shared inside it (``fairness`` or ``fifo``)."""

    name: str
    weight: float = 1.0
    policy: str = "fairness"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.weight) and self.weight > 0):
            raise InputError(
                "entity weight out of range",
                where=f"entity {self.name!r}",
                seen=self.weight,
                rule="a finite number > 0",
            )
        if self.policy not in ("fairness", "fifo"):
            raise InputError(
                "unknown entity policy", where=f"entity {self.name!r}", seen=repr(self.policy), rule="fairness or fifo"
            )


@dataclass(frozen=True, eq=False)
class Instance:
    """A cluster of R accelerator types, J jobs, and their (J, R) throughputs.

    Cells of a gang larger than a type's count can carry no time: the rate counts as 0 there and ``warnings`` says so.
    ``reference`` is the cluster whose shares normalise throughputs, None for the cluster itself: a what-if question changes
    the cluster and holds the yardstick still, so that values before and after compare.

    Raises:
        InputError: the table's jobs or accelerators are not those of the job set and the cluster; a job of an
            entity that is not declared; a reference of other accelerators.
    """

    cluster: Cluster
    jobs: JobSet
    throughputs: ThroughputTable
    entities: tuple[Entity, ...] = ()
    name: str | None = None
    notes: tuple[str, ...] = ()
    reference: Cluster | None = None

    kind = "training"

    def __post_init__(self) -> None:
        table, accelerators = self.throughputs, self.cluster.accelerators
        if len(table.jobs) != len(self.jobs) or table.jobs != self.jobs.names:
            raise _mismatch("job", table.jobs, self.jobs.names)
        if table.accelerators != accelerators:
            if set(table.accelerators) != set(accelerators):
                raise _mismatch("accelerator", table.accelerators, accelerators)
            object.__setattr__(self, "throughputs", table.select(accelerators))
        if self.reference is not None and self.reference.accelerators != accelerators:
            raise _mismatch("accelerator", self.reference.accelerators, accelerators)
        object.__setattr__(self, "entities", tuple(self.entities))
        declared = Labels([entity.name for entity in self.entities], "entity")
        if self.entities and self.jobs.entity is not None:
            for position, owner in enumerate(self.jobs.entity):
                if owner is not None and owner not in declared:
                    raise InputError(
                        f"entity {owner!r} is not declared",
                        where=f"job {self.jobs.names[position]!r}",
                        rule="entities: " + ", ".join(declared),
                        fix="declare it or correct the job",
                    )

    @classmethod
    def from_arrays(
        cls,
        rates: object,
        capacity: object,
        *,
        scale: object = None,
        weight: object = None,
        steps: object = None,
        kind: object = None,
        jobs: Iterable[str] | None = None,
        accelerators: Iterable[str] | None = None,
        cost_per_hour: object = None,
        unit: str = "steps/s",
        source: str | None = None,
        **columns: Any,
    ) -> Instance:
        """An instance straight from arrays, without a loop over jobs.

        Args:
            rates: (J, R) throughput of the whole gang; NaN unknown, 0 cannot run. With ``kind``: (K, R).
            capacity: (R,) accelerators of each type.
            scale, weight, steps: (J,) scale factors, weights, steps left; or one number for all.
            kind: (J,) row of ``rates`` for each job.
            jobs, accelerators: names; by default j0, j1, ... and a0, a1, ...
            columns: further columns of JobSet (elapsed_s, deadline_s, ...).
        """
        known = (*JobSet.COLUMNS, "workload", "entity")
        for name in columns:
            if name not in known:
                raise UnknownName.among("job column", name, known)
        table = np.asarray(rates)
        counts = np.atleast_1d(np.asarray(capacity))
        types = (
            Labels(accelerators, "accelerator")
            if accelerators is not None
            else Labels.numbered("a", len(counts), "accelerator")
        )
        number = len(table) if kind is None else len(np.asarray(kind))
        job_set = JobSet(number if jobs is None else jobs, scale_factor=scale, weight=weight, steps=steps, **columns)
        cluster = Cluster(types, counts, cost_per_hour)
        return cls(cluster, job_set, ThroughputTable(table, job_set.names, types, kind=kind, unit=unit, source=source))

    @property
    def yardstick(self) -> Cluster:
        """The cluster whose shares normalise throughputs: ``reference``, or the cluster itself."""
        return self.cluster if self.reference is None else self.reference

    @cached_property
    def usable(self) -> BoolArray:
        """(J, R) True where the rate is known and the gang fits on the type."""
        known = self.throughputs.known_cells
        return known if self._fits is None else read_only(known & self._fits)

    @cached_property
    def _fits(self) -> BoolArray | None:
        """(J, R) where the gang is not larger than the type's count; None where that is everywhere."""
        scale, count = self.jobs.scale_factor, self.cluster.count
        if scale.max(initial=0) <= count.min(initial=np.inf):
            return None
        return np.asarray(scale[:, None] <= count[None, :])

    @cached_property
    def rates(self) -> FloatArray:
        """(J, R) effective rates: 0 where unknown, or where the gang is larger than the type's count."""
        measured = self.throughputs.rates
        return measured if self._fits is None else read_only(np.where(self._fits, measured, 0.0))

    @cached_property
    def _fastest(self) -> FloatArray:
        """(J,) the highest rate of each job; column by column, because numpy is slow at the largest of a short row."""
        fastest = np.zeros(len(self.jobs))
        for column in self.rates.T:
            np.maximum(fastest, column, out=fastest)
        return fastest

    def space(
        self, rates: FloatArray | None = None, *, sharing: bool = False, factor: FloatArray | None = None
    ) -> AllocationSpace:
        """The columns (job, type), and with ``sharing`` the pairs of the table that can help.

        ``rates`` (J, R) replaces the measured rates for a policy that assumes others; ``factor`` (R,) multiplies the rates
        on each type (a reciprocal price), alone and shared.
        """
        table = self.rates if rates is None else np.where(self.usable, rates, 0.0)
        table = table if factor is None else table * factor[None, :]
        family = self.pair_family if sharing else None
        if family is not None and factor is not None:
            family = family.scaled(factor)
        use = self.jobs.scale_factor.astype(np.float64)
        yardstick = None
        if self.reference is not None:
            yardstick = self.throughputs.rates if rates is None else rates
            yardstick = yardstick * (1.0 if factor is None else factor[None, :])
            fits = self.throughputs.known_cells & (use[:, None] <= self.reference.count[None, :])
            yardstick = read_only(np.where(fits, yardstick, 0.0))
        return AllocationSpace.from_grid(
            self.jobs.names,
            self.cluster.accelerators,
            self.cluster.count,
            read_only(table),
            use,
            self.usable,
            family=family,
            yardstick=yardstick,
        )

    @cached_property
    def pair_family(self) -> PairFamily | None:
        """The pairs of the table that can help, by kind; None without pair rates."""
        table = self.throughputs
        if table.pairs is None or not len(self.jobs):
            return None
        row = np.arange(len(self.jobs)) if table.kind is None else table.kind
        return pair_family(table.pairs, row, self.jobs.scale_factor, self.rates, self.usable)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know about this instance before believing any answer."""
        found = list(self.notes)
        names, types = self.jobs.names, self.cluster.accelerators
        if self._fits is not None and (oversized := ~self._fits & (self.cluster.count[None, :] > 0)).any():
            jobs = np.flatnonzero(oversized.any(axis=1))
            found.append(
                f"{len(jobs)} job(s) have gangs larger than the count of a type and get no time there: {_some(names, jobs)}"
            )
        if not self.throughputs.known_cells.all():
            unknown = ~self.throughputs.known_cells
            jobs = np.flatnonzero(unknown.any(axis=1))
            found.append(
                f"{int(unknown.sum())} cell(s) of {len(jobs)} job(s) have no known rate and get no time: {_some(names, jobs)}"
            )
        if len(self.jobs) and len(types) and not self.rates.min() > 0:
            stuck = np.flatnonzero(self._fastest <= 0)
            if len(stuck):
                found.append(f"{len(stuck)} job(s) can run on no type of this cluster: {_some(names, stuck)}")
        return tuple(found)

    def replace(self, **changes: Any) -> Instance:
        """A copy with some fields replaced (cluster, jobs, throughputs, entities, name, notes, reference)."""
        fields = ("cluster", "jobs", "throughputs", "entities", "name", "notes", "reference")
        return Instance(**{field: changes.get(field, getattr(self, field)) for field in fields})

    def take(self, rows: Sequence[int] | BoolArray) -> Instance:
        """The instance with only the jobs at the given positions."""
        jobs = self.jobs.take(rows)
        return self.replace(jobs=jobs, throughputs=self.throughputs.take(rows))

    def adding(self, more: Mapping[str, float]) -> Instance:
        """The instance with ``more`` accelerators of the named types."""
        return self.replace(cluster=self.cluster.adding(more))

    def __repr__(self) -> str:
        return f"Instance({len(self.jobs)} jobs, {self.cluster!r}, {self.throughputs.unit})"


def _mismatch(noun: str, found: Labels, expected: Labels) -> InputError:
    if len(found) <= 100_000 and len(expected) <= 100_000:
        extra = [name for name in found if name not in expected]
        lacking = [name for name in expected if name not in found]
    else:
        extra, lacking = [], []
    if not extra and not lacking:
        return InputError(
            f"the table's {noun}s differ from the instance's in number or order",
            seen=f"{len(found)} and {len(expected)}",
            rule=f"the same {noun}s in the same order",
        )
    if lacking:
        return InputError(
            f"{noun} {lacking[0]!r} has no throughputs",
            where="throughput table",
            seen=f"{len(lacking)} {noun}(s) missing",
            rule=f"the table's {noun}s are those of the instance, exactly",
            fix=f"the table has {extra[0]!r} instead: rename one" if extra else f"add {lacking[0]!r} to the table",
        )
    return InputError(
        f"unknown {noun} {extra[0]!r} in the throughput table",
        seen=f"{len(extra)} unknown {noun}(s)",
        rule=f"the table's {noun}s are those of the instance, exactly",
        fix="table.select([...]) keeps the types you have",
    )


def _some(names: Labels, positions: Any, limit: int = 5) -> str:
    shown = ", ".join(names[int(position)] for position in positions[:limit])
    return shown + (", ..." if len(positions) > limit else "")
