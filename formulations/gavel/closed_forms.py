"""Allocations that are a formula: no optimisation, two references for everything else.

    isolated       X_ij = N_j / (J s_i), a row cut to sum 1 where it exceeds 1
    proportional   X_ij = N_j / sum_j N_j for every job, cut to capacity: column j is scaled down where sum_i s_i X_ij > N_j

The value is the total throughput. Gavel's ``proportional`` ignores the number of jobs and is a reference, not an
allocation (it breaks capacity as soon as there are more jobs than accelerators); the policy here is cut to fit.
Reference: Gavel's policies/isolated.py and proportional.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go


def _follow(problem: go.Problem) -> go.Answer:
    matrix = problem.policy.rule(problem.instance)
    assert matrix is not None
    return go.Answer(matrix.ravel())


RULE = go.Method("rule", _follow, "rule", "the closed form itself")


@dataclass(frozen=True)
class Isolated(go.Policy):
    """A 1/J slice of the cluster for every job."""

    name = "isolated"
    summary = "every job gets a 1/J slice of every accelerator type"
    reference = "Gavel, OSDI 2020, section 4.1"
    methods = (RULE,)
    generic = False
    shareable = False

    def objective(self, view: go.View) -> Any:
        return view.total(view.rate)

    def rule(self, instance: go.Instance) -> go.FloatArray:
        return go.isolated_share(instance)

    def unit(self, instance: go.Instance) -> str:
        return instance.throughputs.unit


@dataclass(frozen=True)
class Proportional(Isolated):
    """The same mix of types for every job, cut to capacity."""

    name = "proportional"
    summary = "every job gets the same mix of types, cut to capacity"

    def rule(self, instance: go.Instance) -> go.FloatArray:
        share = go.proportional_share(instance)
        load = instance.jobs.scale_factor @ share
        return share / np.maximum(load / np.maximum(instance.cluster.count, 1e-300), 1.0)[None, :]
