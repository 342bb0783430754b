"""gavelopt: who gets which accelerator, decided by optimization, with proof.

    import gavelopt as go
    solution = go.solve(go.examples.gavel(), "max_min")

Importing gavelopt loads no solver; each is loaded when a method first calls it.
"""

from __future__ import annotations

from gavelopt import examples
from gavelopt.engine.compare import Comparison, compare
from gavelopt.engine.problem import Answer, Infeasible, OutOfTime, Problem
from gavelopt.engine.registry import Alias, policies
from gavelopt.engine.solve import solve
from gavelopt.errors import GavelOptError, InputError, SolverError, UnknownName
from gavelopt.io.read import read
from gavelopt.judge.certify import Multipliers
from gavelopt.labels import Labels
from gavelopt.model.allocation import Allocation
from gavelopt.model.arrays import FloatArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.constraints import Check, RateFloor
from gavelopt.model.instance import Entity, Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.policy import Method, Policy, choice
from gavelopt.model.profiles import ThroughputProfiles
from gavelopt.model.references import isolated_share, proportional_share
from gavelopt.model.solution import Prices, Solution
from gavelopt.model.space import AllocationSpace
from gavelopt.model.throughput import PairTable, ThroughputTable
from gavelopt.model.utility import Utility
from gavelopt.model.view import NumericView, View

__version__ = "0.1.0"

__all__ = [
    "Alias",
    "Allocation",
    "AllocationSpace",
    "Answer",
    "Check",
    "Cluster",
    "Comparison",
    "Entity",
    "FloatArray",
    "GavelOptError",
    "Infeasible",
    "InputError",
    "Instance",
    "JobSet",
    "Labels",
    "Method",
    "Multipliers",
    "NumericView",
    "OutOfTime",
    "PairTable",
    "Policy",
    "Prices",
    "Problem",
    "RateFloor",
    "Solution",
    "SolverError",
    "ThroughputProfiles",
    "ThroughputTable",
    "UnknownName",
    "Utility",
    "View",
    "__version__",
    "choice",
    "compare",
    "examples",
    "isolated_share",
    "policies",
    "proportional_share",
    "read",
    "solve",
]
