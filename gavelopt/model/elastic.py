"""Elastic training: jobs that run on any number of GPUs, and the nodes they are placed on.

The decision ("plan") is a (J, N) matrix of whole numbers: GPUs of each job on each node. All GPUs of a job are of one
type. How fast a job runs depends on its *configuration* only: (type, GPUs, one node or several), see ``goodput.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from gavelopt.errors import InputError, UnknownName
from gavelopt.labels import Labels
from gavelopt.model.allocation import Allocation
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray, as_floats, positions, read_only
from gavelopt.model.batch import BatchLimits, Best, best_batch, grid_batch
from gavelopt.model.cluster import Cluster
from gavelopt.model.elastic_jobs import ElasticJobs
from gavelopt.model.goodput import PERF, GoodputModel, noise_scale
from gavelopt.model.space import AllocationSpace
from gavelopt.model.throughput import ThroughputTable


@dataclass(frozen=True, eq=False)
class Configurations:
    """C ways to run a job: accelerator type, GPUs, and whether they spread over more than one node; each (C,)."""

    type: IntArray
    gpus: IntArray
    spread: BoolArray
    labels: Labels

    @classmethod
    def of(cls, cluster: Cluster, nodes: IntArray, per_node: IntArray, most: int) -> Configurations:
        """Every type: 1..R GPUs on one node, then 2..``most`` GPUs across nodes (as far as the type has them)."""
        rows = []
        for kind in range(len(cluster)):
            if nodes[kind]:
                rows += [(kind, k, False) for k in range(1, int(per_node[kind]) + 1)]
            if nodes[kind] > 1:
                rows += [(kind, k, True) for k in range(2, min(most, int(nodes[kind] * per_node[kind])) + 1)]
        names = [f"{cluster.accelerators[t]} x {k}" + (" across nodes" if across else "") for t, k, across in rows]
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        return cls(
            read_only(table[:, 0]), read_only(table[:, 1]), read_only(table[:, 2] > 0), Labels(names, "configuration")
        )

    @cached_property
    def place(self) -> IntArray:
        """(types, 2, most + 1) position of (type, spread, GPUs), -1 where there is none."""
        types = int(self.type.max(initial=-1)) + 1
        found = np.full((types, 2, int(self.gpus.max(initial=0)) + 1), -1, dtype=np.int64)
        found[self.type, self.spread.astype(np.int64), self.gpus] = np.arange(len(self.gpus))
        return found

    def __len__(self) -> int:
        return len(self.gpus)


@dataclass(frozen=True, eq=False)
class ElasticAllocation(Allocation):
    """``allocation["job7", "t4"]`` is the number of GPUs of that type that job7 holds (all of the time)."""

    @cached_property
    def matrix(self) -> FloatArray:
        """(J, R) GPUs of each job on each accelerator type."""
        _, member, use = self.space.matrices
        return np.asarray((member.multiply(self.x[None, :]) @ use.T).todense())


@dataclass(frozen=True, eq=False)
class ElasticInstance:
    """A cluster of whole nodes and J elastic jobs.

    cluster: R accelerator types; ``count`` GPUs and ``per_node`` GPUs a node, so that nodes = count / per_node is whole.
    current: (J, N) GPUs that each job holds now on each node, or None for an idle cluster. Nodes are numbered type by type.
    batch_search: how the batch size of a configuration is chosen, "exact" or "grid" (Pollux's 50 points).

    Raises:
        InputError: a type without per_node, a count that is not whole nodes, perf parameters for another number of
            types, a current allocation that does not fit.
    """

    cluster: Cluster
    jobs: ElasticJobs
    current: IntArray | None = None
    name: str | None = None
    notes: tuple[str, ...] = ()
    batch_search: str = "exact"

    kind = "elastic"
    FIELDS = ("cluster", "jobs", "current", "name", "notes", "batch_search")

    def __post_init__(self) -> None:
        whole_nodes(self.cluster)
        if self.batch_search not in ("exact", "grid"):
            raise UnknownName.among("batch_search", self.batch_search, ("exact", "grid"))
        if self.jobs.perf.shape[1] != len(self.cluster):
            raise InputError(
                "perf parameters do not match the cluster",
                seen=f"{self.jobs.perf.shape[1]} type(s) of parameters",
                rule=f"one set for each of the {len(self.cluster)} accelerator type(s)",
            )
        if self.current is not None:
            object.__setattr__(self, "current", self._checked(self.current))

    def _checked(self, current: object) -> IntArray | None:
        plan = as_floats(current, "current")
        if plan.shape != (len(self.jobs), self.nodes):
            raise InputError("current has the wrong shape", seen=plan.shape, rule=f"({len(self.jobs)}, {self.nodes})")
        bad = (plan < 0) | (plan != np.rint(plan))
        if bad.any():
            job = int(np.argmax(bad.any(axis=1)))
            raise InputError(
                "current GPUs must be whole numbers >= 0",
                where=f"job {self.jobs.names[job]!r}",
                seen=plan[job][bad[job]][0],
            )
        over = np.flatnonzero(plan.sum(axis=0) > self.node_gpus)
        if len(over):
            raise InputError(
                "the current allocation holds more GPUs than a node has",
                where=f"node {self.node_names[over[0]]!r}",
                seen=int(plan[:, over[0]].sum()),
                rule=f"at most {int(self.node_gpus[over[0]])}",
            )
        whole = plan.astype(np.int64)
        mixed = [len(np.unique(self.node_type[row > 0])) > 1 for row in whole]
        if any(mixed):
            raise InputError(
                "a job holds GPUs of two types",
                where=f"job {self.jobs.names[mixed.index(True)]!r}",
                rule="one type a job",
            )
        return read_only(whole) if whole.any() else None

    # --- the nodes -------------------------------------------------------------------------------------------------
    @cached_property
    def nodes_of_type(self) -> IntArray:
        """(R,) nodes of each type."""
        return whole_nodes(self.cluster)

    @cached_property
    def gpus_per_node(self) -> IntArray:
        """(R,) GPUs of one node of each type."""
        per_node = self.cluster.per_node
        return np.zeros(0, dtype=np.int64) if per_node is None else np.nan_to_num(per_node).astype(np.int64)

    @property
    def nodes(self) -> int:
        """N, the nodes of all types."""
        return int(self.nodes_of_type.sum())

    @cached_property
    def node_type(self) -> IntArray:
        """(N,) accelerator type of each node."""
        return np.repeat(np.arange(len(self.cluster)), self.nodes_of_type)

    @cached_property
    def node_gpus(self) -> IntArray:
        """(N,) GPUs of each node."""
        return self.gpus_per_node[self.node_type]

    @property
    def node_names(self) -> Labels:
        """node0, node1, ..."""
        return Labels.numbered("node", self.nodes, "node")

    # --- configurations and goodput --------------------------------------------------------------------------------
    @cached_property
    def configurations(self) -> Configurations:
        """Every configuration that some job may use."""
        most = int((self.jobs.most_replicas * self.jobs.gpus_per_replica).max(initial=1))
        return Configurations.of(self.cluster, self.nodes_of_type, self.gpus_per_node, most)

    @cached_property
    def _cells(self) -> tuple[IntArray, IntArray]:
        """(job, configuration) of every cell that the job's limits allow."""
        jobs, ways = self.jobs, self.configurations
        replicas = ways.gpus[None, :] / jobs.gpus_per_replica[:, None]
        fits = (replicas == np.rint(replicas)) & (replicas >= jobs.min_replicas[:, None])
        fits &= replicas <= jobs.most_replicas[:, None]
        fits &= ~np.isnan(jobs.perf[:, :, 0])[:, ways.type]
        job, way = np.nonzero(fits)
        return job.astype(np.int64), way.astype(np.int64)

    def goodput_cells(
        self, job: IntArray, kind: IntArray, gpus: IntArray, spread: BoolArray
    ) -> tuple[GoodputModel, BatchLimits]:
        """Model and batch limits of each cell (job, accelerator type, GPUs, over several nodes or not), each (n,)."""
        jobs = self.jobs
        perf = dict(zip(PERF, jobs.perf[job, kind].T, strict=True))
        start = jobs.init_batch_size.astype(np.float64)
        noise = noise_scale(start, jobs.grad_sqr, jobs.grad_var)
        replicas = gpus // jobs.gpus_per_replica[job]
        model = GoodputModel(**perf, noise=noise[job], init_batch=start[job], replicas=replicas, spread=spread)
        limits = BatchLimits(
            jobs.min_batch_size[job],
            jobs.max_batch_size[job],
            jobs.local_batch_min[job],
            jobs.local_batch_max[job],
            jobs.accumulate[job],
        )
        return model, limits

    def goodput_at(self, job: IntArray, kind: IntArray, gpus: IntArray, spread: BoolArray) -> Best:
        """The best batch size of each cell (job, accelerator type, GPUs, over several nodes or not), each (n,)."""
        search = best_batch if self.batch_search == "exact" else grid_batch
        return search(*self.goodput_cells(job, kind, gpus, spread))

    @cached_property
    def best(self) -> Best:
        """The best batch size of every allowed cell, in the order of ``_cells``."""
        job, way = self._cells
        ways = self.configurations
        return self.goodput_at(job, ways.type[way], ways.gpus[way], ways.spread[way])

    def goodput_of(self, job: IntArray, kind: IntArray, gpus: IntArray, spread: BoolArray) -> FloatArray:
        """(n,) best goodput of each cell, also where that is no configuration of this cluster (16 GPUs on one node)."""
        place = self.configurations.place
        known = (kind < place.shape[0]) & (gpus < place.shape[2])
        way = np.full(len(job), -1, dtype=np.int64)
        way[known] = place[kind[known], spread[known].astype(np.int64), gpus[known]]
        found = np.zeros(len(job))
        found[way >= 0] = self.goodput[job[way >= 0], way[way >= 0]]
        beyond = np.flatnonzero((way < 0) & ~np.isnan(self.jobs.perf[job, kind, 0]))
        if len(beyond):
            found[beyond] = self.goodput_at(job[beyond], kind[beyond], gpus[beyond], spread[beyond]).goodput
        return found

    def _table(self, values: Any) -> Any:
        table = np.zeros((len(self.jobs), len(self.configurations)), dtype=values.dtype)
        table[self._cells] = values
        return read_only(table)

    @cached_property
    def goodput(self) -> FloatArray:
        """(J, C) useful samples/s at the best batch size; 0 where the job cannot use the configuration."""
        return self._table(self.best.goodput)  # type: ignore[no-any-return]

    @cached_property
    def local_batch(self) -> IntArray:
        """(J, C) samples a replica and micro-step at the best batch size."""
        return self._table(self.best.local)  # type: ignore[no-any-return]

    @cached_property
    def accumulation(self) -> IntArray:
        """(J, C) accumulation steps at the best batch size."""
        return self._table(self.best.accumulation)  # type: ignore[no-any-return]

    @property
    def throughputs(self) -> ThroughputTable:
        """The goodput table as a throughput table: rows jobs, columns configurations."""
        return ThroughputTable(self.goodput, self.jobs.names, self.configurations.labels, unit="samples/s")

    # --- plans -----------------------------------------------------------------------------------------------------
    def configuration_of(self, plan: IntArray) -> IntArray:
        """(J,) configuration of each row of a (J, N) plan; -1 for a job without GPUs, or with a row no configuration has."""
        gpus, used = plan.sum(axis=1), plan > 0
        kind = self.node_type[np.argmax(used, axis=1)] if self.nodes else np.zeros(len(gpus), dtype=np.int64)
        spread = (used.sum(axis=1) > 1).astype(np.int64)
        place = self.configurations.place
        known = (gpus > 0) & (gpus < place.shape[2]) & (kind < place.shape[0])
        found = np.full(len(gpus), -1, dtype=np.int64)
        found[known] = place[kind[known], spread[known], gpus[known]]
        return found

    def space(self, assumed: FloatArray | None = None) -> AllocationSpace:
        """One column for every (job, configuration) with a goodput; ``assumed`` (J, C) replaces the goodput."""
        table = self.goodput if assumed is None else assumed
        job, way = np.nonzero(table > 0)
        return self._columns(job, way, table[job, way])

    def _columns(self, job: IntArray, way: IntArray, rate: FloatArray) -> AllocationSpace:
        ways, column = self.configurations, np.arange(len(job))
        shape = (len(self.jobs), len(job))
        return AllocationSpace.from_columns(
            self.jobs.names,
            self.cluster.accelerators,
            self.cluster.count,
            sparse.csc_array((rate, (job, column)), shape=shape),
            sparse.csc_array((np.ones(len(job)), (job, column)), shape=shape),
            sparse.csc_array(
                (ways.gpus[way].astype(np.float64), (ways.type[way], column)), shape=(len(self.cluster), len(job))
            ),
        )

    def allocation(self, plan: IntArray) -> ElasticAllocation:
        """The plan over the columns it uses: (job, type, GPUs, nodes), each with x = 1."""
        way = self.configuration_of(np.asarray(plan))
        job = np.flatnonzero(way >= 0)
        return ElasticAllocation(self._columns(job, way[job], self.goodput[job, way[job]]), np.ones(len(job)))

    # --- the rest of the noun --------------------------------------------------------------------------------------
    @property
    def empty(self) -> bool:
        """Whether there is nothing to decide: no jobs, or no nodes."""
        return not len(self.jobs) or not self.nodes

    @cached_property
    def pinned(self) -> BoolArray:
        """(J,) jobs that hold GPUs and may not be moved."""
        held = np.zeros(len(self.jobs), dtype=bool) if self.current is None else self.current.any(axis=1)
        return held & ~self.jobs.preemptible

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know about this instance before believing any answer."""
        found = list(self.notes)
        stuck = np.flatnonzero(~(self.goodput > 0).any(axis=1))
        if len(stuck):
            names = ", ".join(self.jobs.names[int(i)] for i in stuck[:5]) + (", ..." if len(stuck) > 5 else "")
            found.append(f"{len(stuck)} job(s) can run in no configuration of this cluster: {names}")
        if self.pinned.any() and self.current is not None:
            way = self.configuration_of(self.current)
            lost = np.flatnonzero(self.pinned & (in_configuration(self.goodput, way) <= 0))
            if len(lost):
                found.append(f"{len(lost)} job(s) that may not be moved hold GPUs outside their own limits")
        return tuple(found)

    def replace(self, **changes: Any) -> ElasticInstance:
        """A copy with some fields replaced (cluster, jobs, current, name, notes, batch_search)."""
        return ElasticInstance(**{field: changes.get(field, getattr(self, field)) for field in self.FIELDS})

    def take(self, rows: Sequence[int] | IntArray | BoolArray) -> ElasticInstance:
        """The instance with only the jobs at the given positions, in that order."""
        at = positions(len(self.jobs), rows)
        return self.replace(jobs=self.jobs.take(at), current=None if self.current is None else self.current[at])

    def with_nodes(self, nodes: int | Iterable[int]) -> ElasticInstance:
        """The same jobs, idle, on a cluster with this many nodes (of each type)."""
        wanted = np.broadcast_to(np.asarray(nodes, dtype=np.int64), self.nodes_of_type.shape)
        return self.replace(cluster=self.cluster.with_count(wanted * self.gpus_per_node), current=None)

    def __repr__(self) -> str:
        return f"ElasticInstance({len(self.jobs)} jobs, {self.nodes} nodes, {self.cluster!r})"


def in_configuration(table: Any, way: IntArray) -> Any:
    """(J,) the entry of each row of a (J, C) table at its configuration; 0 where that is -1 (none)."""
    found = np.zeros(len(way), dtype=table.dtype)
    found[way >= 0] = table[np.flatnonzero(way >= 0), way[way >= 0]]
    return found


def whole_nodes(cluster: Cluster) -> IntArray:
    """(R,) nodes of each type. Raises InputError where count is not a whole number of nodes."""
    if not len(cluster):
        return np.zeros(0, dtype=np.int64)
    per_node = cluster.per_node
    if per_node is None or np.isnan(per_node).any() or (per_node < 1).any() or (per_node != np.rint(per_node)).any():
        raise InputError(
            "elastic jobs are placed on nodes",
            seen="per_node unknown" if per_node is None else f"per_node {per_node.tolist()}",
            rule="a whole number of GPUs a node for every accelerator type",
            fix="give per_node",
        )
    nodes = cluster.count / per_node
    if (nodes != np.rint(nodes)).any():
        at = int(np.argmax(nodes != np.rint(nodes)))
        raise InputError(
            "count must be whole nodes",
            where=f"accelerator {cluster.accelerators[at]!r}",
            seen=f"{cluster.count[at]:g} GPUs, {per_node[at]:g} a node",
        )
    return nodes.astype(np.int64)
