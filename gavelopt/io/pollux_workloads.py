"""Pollux's and Sia's workload files: arrivals of named applications with the sizes a user would ask for.

    name, time, application, num_replicas, batch_size          (time in seconds; batch_size the total over the replicas)

They have no steps and no rates: how long a job takes depends on the application's goodput. ``read_pollux_workload`` gives the
demand as a JobSet (workload = application, scale factor = num_replicas) with the batch sizes; ``as_trace`` makes a rigid trace
of it from the seconds that each application takes, for schedulers that do not change a job's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.io.documents import named, refuse_no_file
from gavelopt.model.arrays import FloatArray, IntArray, read_only
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.throughput import ThroughputTable

COLUMNS = ("name", "time", "application", "num_replicas", "batch_size")


@dataclass(frozen=True, eq=False)
class PolluxWorkload:
    """The jobs in order of arrival, and (J,) the total batch size that each asks for."""

    jobs: JobSet
    batch_size: IntArray

    def as_trace(self, cluster: Cluster, seconds: Mapping[str, float]) -> Instance:
        """A rigid trace: every job takes ``seconds[application]`` on any type with the replicas it asks for.

        Raises UnknownName for an application without seconds.
        """
        work: list[float] = []
        for application in self.jobs.workload or ():
            if application is None or application not in seconds:
                raise UnknownName.among("application", application, seconds)
            work.append(float(seconds[application]))
        columns = {name: getattr(self.jobs, name) for name in ("workload", "scale_factor", "arrival_s")}
        jobs = JobSet(self.jobs.names, **columns, steps=work)
        rates: FloatArray = np.ones((1, len(cluster)))
        table = ThroughputTable(rates, jobs.names, cluster.accelerators, kind=np.zeros(len(jobs), dtype=np.int64))
        return Instance(cluster, jobs, table)


def read_pollux_workload(path: str | Path) -> PolluxWorkload:
    """The jobs of a workload file. Raises InputError for other columns, a time or size that is no number."""
    import pandas as pd

    file = Path(path)
    refuse_no_file(file)
    with named(file):
        frame = pd.read_csv(file)
        lacking = [name for name in COLUMNS if name not in frame]
        if lacking:
            raise InputError(f"column {lacking[0]!r} is missing", rule=", ".join(COLUMNS))
        frame = frame.sort_values("time", kind="stable")
        jobs = JobSet(
            [str(name) for name in frame["name"]],
            workload=[str(name) for name in frame["application"]],
            scale_factor=frame["num_replicas"].to_numpy(),
            arrival_s=frame["time"].to_numpy(),
        )
        return PolluxWorkload(jobs, read_only(frame["batch_size"].to_numpy(dtype=np.int64).copy()))
