"""The latency split: how much of a query's objective each of its models may take.

    minimise    sum_v c_t R_v l_vt(b_v) / b_v             fractional GPUs of stage v on its type t
    subject to  sum_{v on the path} ( f l_vt(b_v) + CPU time of v )  <=  L        every path of the query
    over        one type t and one batch b_v for every stage v;   R_v = rate of the query x requests per query at v

f is the ``factor``: 2 where a request waits one batch and then runs (the repository, and what the packing needs), 1 where
only the run counts (the paper's written optimisation). With F_v(t) the least cost of the stages from v down,

    F_v(t) = min over t' <= t of  R_v / TP_v(t')  +  sum over children u of F_u(t - t'),
    TP_v(t') = max { b / l_v(b) : f l_v(b) <= t' }

is the lecture's dynamic program. The cost is fractional: it says how a query should be split, not how many GPUs it will
take; formulations/nexus/end_to_end.py packs the stages and counts whole GPUs.

Queries are independent of each other; every method solves one after the other.
Reference: Shen et al., Nexus, SOSP 2019, section 6.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import gavelopt as go
from formulations.nexus.squishy import late

STEP_OPTIONS = {
    "segments": go.options.whole(),
    "step_ms": go.options.number(above=True, optional=True),
    "strict": go.options.flag(),
    "network_ms": go.options.number(),
}


@dataclass(frozen=True)
class LatencySplit(go.Policy):
    """Split every query's objective over its stages at the least cost. factor: 1 or 2; minimise: gpus, or cost (per hour)."""

    name = "latency_split"
    kind = "packing"
    sense = "min"
    summary = "split each query's latency objective over its models at the least fractional GPUs"
    reference = "Nexus, SOSP 2019, section 6.2"
    methods = (
        go.Method("exact", late("staircase:exact"), "exact", "staircases where series-parallel, else the program"),
        go.Method("staircase", late("staircase:staircase"), "exact", "dynamic program over Pareto staircases, no step"),
        go.Method(
            "step_dp",
            late("step_dp:step_dp"),
            "heuristic",
            "the lecture's dynamic program on a grid of times (trees)",
            STEP_OPTIONS,
        ),
        go.Method("milp", late("split_milp:milp"), "exact", "one binary per stage and batch, finish times; any graph"),
        go.Method("even_split", late("even_split:even_split"), "heuristic", "equal parts for all stages, the baseline"),
    )
    generic = False
    shareable = False

    factor: int = 2
    minimise: str = "gpus"

    def __post_init__(self) -> None:
        go.choice(self.name, "factor", self.factor, (1, 2))
        go.choice(self.name, "minimise", self.minimise, ("gpus", "cost"))

    def unit(self, instance: go.Instance) -> str:
        return "fractional GPUs" if self.minimise == "gpus" else "cost/hour"
