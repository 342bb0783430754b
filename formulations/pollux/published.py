"""The workloads of Pollux's artifact, replayed: jobs that learn over time on 16 nodes of 4 T4 (needs the public traces).

The artifact's own simulator, which interpolates measurements, reports a mean completion time of 2,446 s for Pollux on its
workload 6 (its summary.json); here the fitted model of throughput stands in for the measurements.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import gavelopt as go
from formulations.pollux.apps import APPS, BATCH, jobs_of
from formulations.pollux.fitness import PolluxFitness

NODES = 16


def curve(folder: Path, app: str) -> go.TrainingCurve:
    """The run of one application at its initial batch size, from the traces in ``folder``."""
    rows = pd.read_csv(folder / "profiles_t4" / app / f"validation-{BATCH[app][0]}.csv")
    return go.TrainingCurve(rows["progress"], rows["grad_sqr"], rows["grad_var"])


def replayed(workload: Path, method: str = "exact", jobs: int | None = None) -> go.ElasticReplay:
    """A workload file of the artifact under Pollux's objective, planned every minute; ``jobs`` cuts it short."""
    trace = pd.read_csv(workload).head(jobs)
    folder = workload.parents[2]
    curves = {app: curve(folder, app) for app in APPS}
    cluster = go.Cluster({"t4": 4 * NODES}, per_node=[4])
    runs = [curves[app] for app in trace["application"]]
    elastic = jobs_of(list(trace["application"]), np.ones(len(trace)))
    return go.replay(go.ElasticTrace(cluster, elastic, trace["time"], runs), PolluxFitness(), method=method)


def mean_completion(workload: Path, method: str = "exact") -> float:
    """Mean completion time in seconds."""
    return float(np.nanmean(replayed(workload, method).jct_s))
