"""The result of a replay of training jobs: what became of every job, and everything that follows from the log."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.labels import Labels
from gavelopt.model.arrays import BoolArray, FloatArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Instance
from gavelopt.replay import metrics
from gavelopt.replay.timeline import Timeline

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Replay(Timeline):
    """Completion times of J jobs under one scheduler; what ``Timeline`` has, and what only rigid training jobs have.

    restart_s: as asked. promised_s, received_s: (J, R) seconds of each type that the policy's X promised while it stood,
    and seconds held; None for queue disciplines, which promise nothing.
    kept, renewable: rounds in which a job that ran before kept its accelerators, of those in which it might have.
    passing: whether a job may run while one before it in the queue waits (of disciplines).
    """

    instance: Instance
    restart_s: float = 0.0
    promised_s: FloatArray | None = None
    received_s: FloatArray | None = None
    kept: int = 0
    renewable: int = 0
    passing: bool = True

    @property
    def arrival_s(self) -> FloatArray:
        """(J,) when each job arrives."""
        return self.instance.jobs.arrival_s

    @property
    def names(self) -> Labels:
        """The jobs."""
        return self.instance.jobs.names

    @property
    def cluster(self) -> Cluster:
        """The accelerators."""
        return self.instance.cluster

    @property
    def work(self) -> FloatArray:
        """(J,) steps of each job."""
        assert self.instance.jobs.steps is not None
        return self.instance.jobs.steps

    @cached_property
    def ideal_s(self) -> FloatArray:
        """(J,) seconds the job would take alone on its fastest type; infinite where it can run nowhere."""
        return metrics.ideal_seconds(self.instance)

    @cached_property
    def rho(self) -> FloatArray:
        """(J,) finish-time fairness: JCT / time on an isolated 1/N share, N the mean number of jobs present meanwhile."""
        return metrics.finish_time_fairness(self)

    @cached_property
    def late(self) -> BoolArray:
        """(J,) jobs whose deadline passed before they were done (deadlines count from time 0 of the trace)."""
        return np.asarray(metrics.late(self))

    @property
    def slo_violations(self) -> int:
        """Number of jobs that missed their deadline."""
        return int(self.late.sum())

    @cached_property
    def deviation_s(self) -> FloatArray | None:
        """(J,) largest difference over the types between the seconds promised by X and those held; see ``rounds.py``."""
        if self.promised_s is None or self.received_s is None:
            return None
        return np.asarray(np.abs(self.promised_s - self.received_s).max(axis=1, initial=0.0))

    def summary(self) -> dict[str, Any]:
        """The figures of the replay as plain Python."""
        return metrics.summary(self)

    def to_frame(self) -> pd.DataFrame:
        """One row a job: times, JCT, queueing delay, rho, preemptions, whether late, seconds on each type."""
        frame = metrics.job_frame(self)
        further = {"ideal_s": self.ideal_s, "rho": self.rho, "late": self.late}
        if self.deviation_s is not None:
            further["deviation_s"] = self.deviation_s
        for at, (name, values) in enumerate(further.items()):
            frame.insert(6 + at, name, values)
        return frame
