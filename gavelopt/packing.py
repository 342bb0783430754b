"""Packing: the words of packing methods. What a GPU's cycle is, what the judge proves with, and serving a plan over time.

go.packing.DutyCycle(...), go.packing.saturate(...)      plans, and the whole GPUs that come first
go.packing.packing_bounds(...), occupancy, ...           what no plan can do with less
go.packing.serve_packing(instance, plan, ...)            requests through the planned duty cycles
"""

from __future__ import annotations

from gavelopt.judge.packing import check_packing
from gavelopt.judge.packing_bounds import PatternPrices, occupancy, packing_bounds
from gavelopt.judge.packing_visits import VisitPrices, duty_intervals, interval_batches, visits_needed
from gavelopt.model.latency import LatencyCurve
from gavelopt.model.packing_plan import DutyCycle, Saturation, saturate
from gavelopt.model.split_plan import StageChoice
from gavelopt.replay.duty_cycles import PackingReport, serve_packing

__all__ = [
    "DutyCycle",
    "LatencyCurve",
    "PackingReport",
    "PatternPrices",
    "Saturation",
    "StageChoice",
    "VisitPrices",
    "check_packing",
    "duty_intervals",
    "interval_batches",
    "occupancy",
    "packing_bounds",
    "saturate",
    "serve_packing",
    "visits_needed",
]
