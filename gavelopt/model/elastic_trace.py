"""Elastic jobs over time: when each arrives, how much it has to learn, and how its gradient noise changes meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gavelopt.errors import InputError
from gavelopt.labels import Labels
from gavelopt.model.arrays import BoolArray, FloatArray, read_only, vector
from gavelopt.model.cluster import Cluster
from gavelopt.model.elastic import ElasticInstance
from gavelopt.model.elastic_jobs import ElasticJobs


@dataclass(frozen=True, eq=False)
class TrainingCurve:
    """Gradient statistics over a training run: rows by rising progress, each (E,).

    progress: scale-invariant iterations at the end of an epoch; sqr, var: squared norm and variance of the gradient then.
    """

    progress: FloatArray
    sqr: FloatArray
    var: FloatArray

    def __post_init__(self) -> None:
        for name in ("progress", "sqr", "var"):
            object.__setattr__(self, name, np.atleast_1d(np.asarray(getattr(self, name), dtype=np.float64)))
        if not len(self.progress) or len({len(self.progress), len(self.sqr), len(self.var)}) != 1:
            raise InputError("a training curve needs rows of equal length", seen=len(self.progress))
        if (np.diff(self.progress) <= 0).any() or self.progress[0] <= 0:
            raise InputError("progress must rise", seen=self.progress[:4].tolist(), rule="0 < p_1 < p_2 < ...")

    @property
    def total(self) -> float:
        """Progress of the whole run."""
        return float(self.progress[-1])

    def gradient(self, progress: float) -> tuple[float, float]:
        """(sqr, var) of the epoch that the job is in."""
        at = min(int(np.searchsorted(self.progress, progress, side="right")), len(self.progress) - 1)
        return float(self.sqr[at]), float(self.var[at])


@dataclass(frozen=True, eq=False)
class ElasticTrace:
    """J elastic jobs that arrive and learn; what ``replay`` takes for policies of the kind elastic.

    jobs: their noise, ages and restarts are overwritten as time passes. arrival_s: (J,) seconds. curves: one a job.

    Raises:
        InputError: arrivals or curves of another number than jobs, an arrival below 0, a cluster that is not whole nodes.
    """

    cluster: Cluster
    jobs: ElasticJobs
    arrival_s: FloatArray
    curves: Sequence[TrainingCurve]
    name: str | None = None
    notes: tuple[str, ...] = ()

    kind = "elastic_trace"

    def __post_init__(self) -> None:
        arrival = np.asarray(self.arrival_s, dtype=np.float64)
        if arrival.shape != (len(self.jobs),) or len(self.curves) != len(self.jobs):
            seen = f"{arrival.shape}, {len(self.curves)}"
            raise InputError("arrivals and curves must be one a job", seen=seen, rule=str(len(self.jobs)))
        object.__setattr__(self, "arrival_s", vector(arrival, len(arrival), "arrival_s", self.jobs.names))
        _ = self.instance

    @cached_property
    def instance(self) -> ElasticInstance:
        """All the jobs at once, with nothing running: for what does not depend on time."""
        return ElasticInstance(self.cluster, self.jobs)

    @cached_property
    def total(self) -> FloatArray:
        """(J,) scale-invariant iterations of each job."""
        return read_only(np.array([curve.total for curve in self.curves], dtype=np.float64))

    @cached_property
    def runnable(self) -> BoolArray:
        """(J,) True where some configuration trains the job."""
        return np.asarray((self.instance.goodput > 0).any(axis=1))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know about this trace before believing any replay."""
        return (*self.notes, *self.instance.warnings)

    @cached_property
    def ideal_s(self) -> FloatArray:
        """(J,) seconds alone on the cluster, in the best configuration of every epoch, without a restart."""
        return read_only(np.array([self._ideal(job) for job in range(len(self.jobs))], dtype=np.float64))

    def _ideal(self, job: int) -> float:
        """One row an epoch: the same job at the noise of that epoch."""
        curve = self.curves[job]
        made = np.diff(curve.progress, prepend=0.0)
        columns = {name: np.repeat(getattr(self.jobs, name)[[job]], len(made), axis=0) for name in ElasticJobs.COLUMNS}
        columns |= {"grad_sqr": curve.sqr, "grad_var": curve.var}
        rows = ElasticJobs(Labels.numbered("epoch", len(made), "epoch"), **columns)
        best = ElasticInstance(self.cluster, rows).goodput.max(axis=1, initial=0.0)
        batch = float(self.jobs.init_batch_size[job])
        return float((made * batch / best).sum()) if (best > 0).all() else float("inf")

    def __len__(self) -> int:
        return len(self.jobs)

    def __repr__(self) -> str:
        return f"ElasticTrace({len(self)} jobs, {self.cluster!r})"
