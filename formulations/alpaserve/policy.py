"""Placement of models on groups of devices (AlpaServe).

    maximise    share of the requests answered within their objective, when the placement is replayed (the serving rules)
    over        device groups with parallel configurations, and the set of models that each group hosts
    subject to  sum of group sizes <= devices,   sum of hosted weights on one device <= memory

There is no closed form of the objective: it is what the simulator counts, and the judge counts it again by a plain
reading of the same rules. Methods look at the planning requests (``training`` if the instance has them), the value is
that of the judged requests, and the bound comes from relaxations (gavelopt/judge/serving_bound.py).
Reference: Li et al., AlpaServe, OSDI 2023.
"""

from __future__ import annotations

from dataclasses import dataclass

import gavelopt as go
from formulations.alpaserve.capacity_milp import capacity_milp
from formulations.alpaserve.clockwork import clockwork
from formulations.alpaserve.exact import affordable, exact
from formulations.alpaserve.greedy import greedy, round_robin, selective_replication
from formulations.alpaserve.packing import set_packing
from formulations.alpaserve.search import beam_search, search


@dataclass(frozen=True)
class ModelPlacement(go.Policy):
    """Maximise the share of requests answered in time."""

    name = "placement"
    summary = "which models on which device groups, split how, so that most requests meet their latency objective"
    reference = "AlpaServe, OSDI 2023"
    methods = (
        go.Method(
            "search", search, "heuristic", "Algorithm 2 and small changes", ("beam", "bucketed", "polish", "effort")
        ),
        go.Method("exact", exact, "exact", "every placement, cluster by cluster", ("effort",), affordable),
        go.Method("set_packing", set_packing, "heuristic", "simulated clusters side by side", ("max_groups", "effort")),
        go.Method("beam", beam_search, "heuristic", "Algorithm 1 on every partition", ("beam",)),
        go.Method("greedy", greedy, "heuristic", "the fast heuristic on equal groups", ("inter_op", "intra_op")),
        go.Method("selective_replication", selective_replication, "heuristic", "replicas on single devices"),
        go.Method("round_robin", round_robin, "heuristic", "models dealt round equal pipelines", ("inter_op",)),
        go.Method("clockwork", clockwork, "heuristic", "replicas re-placed every window, knowing it", ("window_s",)),
        go.Method(
            "capacity_milp", capacity_milp, "heuristic", "rates, memory and load as one program", ("polish", "effort")
        ),
    )
    generic = False
    kind = "placement"

    def unit(self, instance: go.Instance) -> str:
        return "share of requests in time"
