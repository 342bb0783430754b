"""Published figures of Gavel that a single number stands for: what awareness and optimization gain over time.

The published figures stand in outputs of the notebooks of github.com/stanford-futuredata/gavel. Their jobs are drawn by
Python's generator, ours by numpy's: the distributions agree, the jobs do not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gavelopt.examples import gavel_profiles
from gavelopt.io import read_gavel_throughputs
from gavelopt.model.cluster import Cluster
from gavelopt.replay.run import replay
from gavelopt.replay.workloads import TraceGenerator

CLUSTER = "36:36:36"  # v100, p100, k80
ROUND_S, RESOLVE_S, HOUR_S = 360.0, 1920.0, 3600.0
WINDOW = (0.7, 0.9)  # of the jobs: before it the cluster fills, after it the competitors stop coming


def awareness(load: float = 4.0, jobs: int = 800, seed: int = 0) -> float:
    """Mean completion time of max-min fairness that knows no accelerators over that of one that does.

    Single-GPU jobs arrive at ``load`` an hour; mean over the jobs of WINDOW.
    """
    generator = TraceGenerator(gavel_profiles(), Cluster.from_spec(CLUSTER))
    trace = generator(jobs, load, seed)
    window = np.arange(int(WINDOW[0] * jobs), int(WINDOW[1] * jobs))
    agnostic, aware = (
        replay(trace, name, round_s=ROUND_S, min_resolve_s=RESOLVE_S, seed=seed).jct_s[window].mean()
        for name in ("max_min_fairness", "max_min")
    )
    return float(agnostic / aware)


def makespan_hours(throughputs: Path, policy: str = "makespan", jobs: int = 500, seed: int = 0) -> float:
    """Hours until jobs of 1 to 8 GPUs that are all there at the start are done, in rounds of six minutes."""
    generator = TraceGenerator(read_gavel_throughputs(throughputs), Cluster.from_spec(CLUSTER), gangs="mixed")
    return replay(generator(jobs, None, seed), policy, round_s=ROUND_S, seed=seed).makespan_s / HOUR_S
