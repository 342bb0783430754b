"""Alibaba's openb pods (cluster-trace-gpu-v2023) as a trace: who asked for how many GPUs of which models, and for how long.

    name, ..., num_gpu, gpu_milli, gpu_spec, ..., creation_time, deletion_time, scheduled_time

A pod ran from scheduled_time to deletion_time; that is its duration on every model it allows (gpu_spec: models joined by |,
empty for any), as the trace has no throughputs. Steps are seconds at rate 1. Left out: pods without a GPU, and pods that were
never scheduled. Pods that ask for part of a GPU (gpu_milli < 1000) take a whole one: a replay has no fractions. The notes of
the instance count all three.

The cluster is the file of nodes (sn, ..., gpu, model) with its models, or given.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gavelopt.errors import InputError
from gavelopt.io.documents import named, refuse_no_file
from gavelopt.io.sources import ClusterSource, cluster_from
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.throughput import ThroughputTable

if TYPE_CHECKING:
    import pandas as pd

PODS = ("name", "num_gpu", "gpu_milli", "gpu_spec", "creation_time", "deletion_time", "scheduled_time")
NODES = ("sn", "gpu", "model")


def read_openb_nodes(path: str | Path) -> Cluster:
    """The GPUs of a node list, by model. Raises InputError for other columns."""
    frame = _frame(path, NODES)
    frame = frame[frame["gpu"] > 0]
    count = frame.groupby("model", sort=True)["gpu"].sum()
    largest = frame.groupby("model", sort=True)["gpu"].max()
    return Cluster([str(name) for name in count.index], count.to_numpy(), per_node=largest.to_numpy())


def read_openb_pods(path: str | Path, cluster: ClusterSource) -> Instance:
    """The GPU pods of a pod list on ``cluster`` (a Cluster, a specification, ...); see the head of this file.

    Raises:
        InputError: other columns; a pod whose gpu_spec names no model of the cluster.
    """
    frame, supply = _frame(path, PODS), cluster_from(cluster)
    asks = frame["num_gpu"] > 0
    ran = asks & frame["scheduled_time"].notna() & frame["deletion_time"].notna()
    kept = frame[ran].sort_values("creation_time", kind="stable")
    notes = [
        f"{int((~asks).sum())} pod(s) without a GPU left out",
        f"{int((asks & ~ran).sum())} pod(s) that were never scheduled left out",
        f"{int((kept['gpu_milli'] < 1000).sum())} pod(s) ask for part of a GPU and take a whole one",
    ]
    names = [str(name) for name in kept["name"]]
    rates = _allowed(kept, supply, names)
    duration = (kept["deletion_time"] - kept["scheduled_time"]).to_numpy(dtype=float)
    jobs = JobSet(
        names,
        scale_factor=kept["num_gpu"].to_numpy(),
        steps=np.maximum(duration, 0.0),
        arrival_s=kept["creation_time"].to_numpy(dtype=float),
    )
    table = ThroughputTable(rates, jobs.names, supply.accelerators, source="Alibaba openb")
    return Instance(supply, jobs, table, name=Path(path).stem, notes=tuple(notes))


def _allowed(pods: pd.DataFrame, cluster: Cluster, names: list[str]) -> np.ndarray:
    """(J, R) 1 where the pod may run on the model, 0 elsewhere."""
    rates = np.ones((len(pods), len(cluster)))
    for row, spec in enumerate(pods["gpu_spec"]):
        if isinstance(spec, str) and spec:
            wanted = spec.split("|")
            rates[row] = [float(model in wanted) for model in cluster.accelerators]
            if not rates[row].any():
                raise InputError(
                    "no model of the cluster is allowed",
                    where=f"pod {names[row]!r}",
                    seen=spec,
                    fix="add it to the cluster",
                )
    return rates


def _frame(path: str | Path, columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    file = Path(path)
    refuse_no_file(file)
    with named(file):
        frame = pd.read_csv(file)
        lacking = [name for name in columns if name not in frame]
        if lacking:
            raise InputError(f"column {lacking[0]!r} is missing", rule=", ".join(columns))
    return frame
