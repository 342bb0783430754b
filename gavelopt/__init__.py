"""gavelopt: who gets which accelerator, decided by optimization, with proof.

    import gavelopt as go
    solution = go.solve(go.examples.gavel(), "max_min")

Importing gavelopt loads no solver; each is loaded when a method first calls it.
"""

from __future__ import annotations

from gavelopt import elastic, examples, packing, serving
from gavelopt.engine.compare import Comparison, compare
from gavelopt.engine.diagnose import Diagnosis, diagnose
from gavelopt.engine.explain import Explanation
from gavelopt.engine.filling import fill as fill_levels
from gavelopt.engine.forms import Task, solve_form
from gavelopt.engine.problem import Answer, Infeasible, OutOfTime, Problem
from gavelopt.engine.registry import Alias, policies
from gavelopt.engine.session import Session
from gavelopt.engine.solve import solve
from gavelopt.engine.what_if import Frontier, WhatIf, frontier, what_if
from gavelopt.errors import GavelOptError, InputError, SolverError, UnknownName
from gavelopt.io.allocations import read_allocation
from gavelopt.io.batch_profiles import read_batch_profiles
from gavelopt.io.read import read
from gavelopt.io.request_traces import read_requests
from gavelopt.judge.audit import Audit, audit
from gavelopt.judge.certify import Multipliers, upper_bound
from gavelopt.judge.levels import WaterGroups, check_levels
from gavelopt.labels import Labels
from gavelopt.model import options
from gavelopt.model.allocation import Allocation
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.constraints import Check, RateFloor
from gavelopt.model.elastic import ElasticInstance
from gavelopt.model.elastic_jobs import ElasticJobs
from gavelopt.model.elastic_trace import ElasticTrace, TrainingCurve
from gavelopt.model.instance import Entity, Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.latency import BatchProfile
from gavelopt.model.packing import GpuType, PackingInstance, PrefixGroup, SessionSet
from gavelopt.model.packing_plan import PackingPlan
from gavelopt.model.placement import (
    DeviceGroup,
    Placement,
    PlacementInstance,
    PlacementSchedule,
)
from gavelopt.model.policy import Method, Policy, choice
from gavelopt.model.profiles import ThroughputProfiles
from gavelopt.model.queries import Query, Stage
from gavelopt.model.references import equal_share_rate, isolated_share, proportional_share
from gavelopt.model.serving import (
    Configuration,
    Overheads,
    ServedModels,
    ServingProfile,
    ServingProfiles,
    Workload,
)
from gavelopt.model.solution import Prices, Solution
from gavelopt.model.space import AllocationSpace
from gavelopt.model.split_plan import SplitPlan
from gavelopt.model.throughput import PairTable, ThroughputTable
from gavelopt.model.utility import Utility
from gavelopt.model.view import NumericView, View, known_costs
from gavelopt.replay.check import check_replay
from gavelopt.replay.discipline import Discipline
from gavelopt.replay.elastic import ElasticReplay
from gavelopt.replay.request_trace import RequestTrace
from gavelopt.replay.result import Replay
from gavelopt.replay.run import replay
from gavelopt.replay.sweep import sweep
from gavelopt.replay.workloads import TraceGenerator

__version__ = "0.1.0"

__all__ = [
    "Alias",
    "Allocation",
    "AllocationSpace",
    "Answer",
    "Audit",
    "BatchProfile",
    "BoolArray",
    "Check",
    "Cluster",
    "Comparison",
    "Configuration",
    "DeviceGroup",
    "Diagnosis",
    "Discipline",
    "ElasticInstance",
    "ElasticJobs",
    "ElasticReplay",
    "ElasticTrace",
    "Entity",
    "Explanation",
    "FloatArray",
    "Frontier",
    "GavelOptError",
    "GpuType",
    "Infeasible",
    "InputError",
    "Instance",
    "IntArray",
    "JobSet",
    "Labels",
    "Method",
    "Multipliers",
    "NumericView",
    "OutOfTime",
    "Overheads",
    "PackingInstance",
    "PackingPlan",
    "PairTable",
    "Placement",
    "PlacementInstance",
    "PlacementSchedule",
    "Policy",
    "PrefixGroup",
    "Prices",
    "Problem",
    "Query",
    "RateFloor",
    "Replay",
    "RequestTrace",
    "ServedModels",
    "ServingProfile",
    "ServingProfiles",
    "Session",
    "SessionSet",
    "Solution",
    "SolverError",
    "SplitPlan",
    "Stage",
    "Task",
    "ThroughputProfiles",
    "ThroughputTable",
    "TraceGenerator",
    "TrainingCurve",
    "UnknownName",
    "Utility",
    "View",
    "WaterGroups",
    "WhatIf",
    "Workload",
    "__version__",
    "audit",
    "check_levels",
    "check_replay",
    "choice",
    "compare",
    "diagnose",
    "elastic",
    "equal_share_rate",
    "examples",
    "fill_levels",
    "frontier",
    "isolated_share",
    "known_costs",
    "options",
    "packing",
    "policies",
    "proportional_share",
    "read",
    "read_allocation",
    "read_batch_profiles",
    "read_requests",
    "replay",
    "serving",
    "solve",
    "solve_form",
    "sweep",
    "upper_bound",
    "what_if",
]
