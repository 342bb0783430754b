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

WHOLE, FLAG, EFFORT = go.options.whole(), go.options.flag(), go.options.number()
SEARCH_OPTIONS = {"beam": WHOLE, "bucketed": FLAG, "polish": FLAG, "effort": EFFORT}
PACKING_OPTIONS = {"max_groups": WHOLE, "effort": EFFORT}
GREEDY_OPTIONS = {"inter_op": go.options.whole(optional=True), "intra_op": WHOLE}
POLISHING = {"polish": FLAG, "effort": EFFORT}
WINDOW = {"window_s": go.options.number(above=True)}


@dataclass(frozen=True)
class ModelPlacement(go.Policy):
    """Maximise the share of requests answered in time."""

    name = "placement"
    summary = "which models on which device groups, split how, so that most requests meet their latency objective"
    reference = "AlpaServe, OSDI 2023"
    methods = (
        go.Method("search", search, "heuristic", "Algorithm 2 and small changes", SEARCH_OPTIONS),
        go.Method("exact", exact, "exact", "every placement, cluster by cluster", {"effort": EFFORT}, affordable),
        go.Method("set_packing", set_packing, "heuristic", "simulated clusters side by side", PACKING_OPTIONS),
        go.Method("beam", beam_search, "heuristic", "Algorithm 1 on every partition", {"beam": WHOLE}),
        go.Method("greedy", greedy, "heuristic", "the fast heuristic on equal groups", GREEDY_OPTIONS),
        go.Method("selective_replication", selective_replication, "heuristic", "replicas on single devices"),
        go.Method("round_robin", round_robin, "heuristic", "models dealt round equal pipelines", {"inter_op": WHOLE}),
        go.Method("clockwork", clockwork, "heuristic", "replicas re-placed every window, knowing it", WINDOW),
        go.Method("capacity_milp", capacity_milp, "heuristic", "rates, memory and load as one program", POLISHING),
    )
    generic = False
    shareable = False
    kind = "placement"

    def unit(self, instance: go.Instance) -> str:
        return "share of requests in time"
