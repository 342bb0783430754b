"""Serving: the words of placement methods. Requests, the simulator, what a placement is to a compiled loop, its bounds.

go.serving.gamma_workload(rates, cv, seconds, seed)      requests of a kind
go.serving.simulate_serving(instance, placement)         what the dispatch rule makes of them
go.serving.bound_good(...)                               no placement answers more of them in time
"""

from __future__ import annotations

from gavelopt.judge.serving_bound import bound_good, least_work, most_jobs
from gavelopt.model.placement import Code, ServingTables, positions
from gavelopt.model.serving import NO_OVERHEADS
from gavelopt.replay.requests import (
    dealt,
    fit_gamma,
    from_counts,
    gamma_arrivals,
    gamma_workload,
    poisson_arrivals,
    power_law_rates,
    refitted,
    uniform_arrivals,
)
from gavelopt.replay.serving import (
    Outlook,
    ServingReport,
    ServingSimulator,
    compiled_work,
    simulate_batching,
    simulate_serving,
)

__all__ = [
    "NO_OVERHEADS",
    "Code",
    "Outlook",
    "ServingReport",
    "ServingSimulator",
    "ServingTables",
    "bound_good",
    "compiled_work",
    "dealt",
    "fit_gamma",
    "from_counts",
    "gamma_arrivals",
    "gamma_workload",
    "least_work",
    "most_jobs",
    "poisson_arrivals",
    "positions",
    "power_law_rates",
    "refitted",
    "simulate_batching",
    "simulate_serving",
    "uniform_arrivals",
]
