"""Co-adaptation over time under Pollux's fitness, in one call.

The simulation is ``go.replay`` of an ``ElasticTrace``: jobs whose gradient noise changes as they learn, planned anew every
minute; its rules stand at the head of gavelopt/replay/elastic.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gavelopt as go
from formulations.pollux.fitness import PolluxFitness

TrainingCurve = go.TrainingCurve


def simulate(
    cluster: go.Cluster,
    jobs: go.ElasticJobs,
    arrival_s: Any,
    curves: Sequence[TrainingCurve],
    policy: PolluxFitness | None = None,
    **options: Any,
) -> go.ElasticReplay:
    """Run the jobs to their end; ``options`` go to ``go.replay`` (round_s, explore, method, time_limit, ...)."""
    return go.replay(go.ElasticTrace(cluster, jobs, arrival_s, curves), policy or PolluxFitness(), **options)
