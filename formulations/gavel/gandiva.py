"""Gandiva: random pairs, kept where sharing pays.

If the gangs all fit, every job gets its isolated share (X_ij = N_j / (J s_i), row sums cut to 1). Otherwise jobs of equal
gangs are paired at random (seeded) where the pair, somewhere, is better than taking turns:

    a / T_ij + b / T_kj > 1  on some type j         (the pair's rates a, b over the rates alone)

and every type is split evenly over the C combinations, pairs and singles: N_j / (C s), each combination at most all its
time. Two jobs that are paired take turns on the types where sharing does not pay. The value is the total throughput.

What differs from Gavel: its threshold compares the sum over all types with 1, so that it hardly ever drops a pair; and it
keeps pairs from call to call, where this is one decision. Reference: Xiao et al., OSDI 2018; Gavel's policies/gandiva.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go


@dataclass(frozen=True)
class Gandiva(go.Policy):
    """Random pairs where sharing pays, and an even split of every type over them."""

    name = "gandiva"
    summary = "random pairs where sharing pays, every type split evenly over them"
    reference = "Gandiva, OSDI 2018; Gavel's policies/gandiva.py"
    generic = False

    space_sharing: bool = True

    def objective(self, view: go.View) -> Any:
        return view.total(view.rate)

    def unit(self, instance: go.Instance) -> str:
        return instance.throughputs.unit


def _split(problem: go.Problem) -> go.Answer:
    instance, space = problem.instance, problem.space
    if instance.jobs.scale_factor.sum() <= instance.cluster.count.sum():
        return go.Answer(go.isolated_share(instance).ravel(), notes=("every gang fits: the isolated share",))
    pairs = _random_pairs(problem)
    paired = {job for pair in pairs for job in pair}
    singles = np.array([job for job in range(len(instance.jobs)) if job not in paired], dtype=np.int64)
    combinations = len(pairs) + len(singles)
    scale, count = instance.jobs.scale_factor, instance.cluster.count
    assert space.grid is not None
    x = np.zeros(space.grid.table.shape)
    x[singles] = _even(count, combinations, scale[singles])
    entry, first, second, time = [], [], [], []
    for (a, b), columns in pairs.items():
        share = _even(count, combinations, scale[[a]])[0]
        x[[a, b]] = 0.5 * share
        for column, number, swapped in columns:
            x[[a, b], column] = 0.0
            entry.append(number)
            first.append(b if swapped else a)
            second.append(a if swapped else b)
            time.append(share[column])
    x = np.where(space.grid.usable, x, 0.0)
    shared = (np.array(entry, int), np.array(first, int), np.array(second, int)) if entry else None
    return go.Answer(np.append(x.ravel(), time), pairs=shared, notes=(f"{len(pairs)} pairs, {len(singles)} singles",))


def _even(count: go.FloatArray, combinations: int, scale: np.ndarray) -> go.FloatArray:
    """(n, R) the even split of every type, cut to one unit of time."""
    share = count[None, :] / (combinations * scale[:, None])
    return np.asarray(share / np.maximum(share.sum(axis=1, keepdims=True), 1.0))


def _random_pairs(problem: go.Problem) -> dict[tuple[int, int], list[tuple[int, int, bool]]]:
    """{(a, b): [(type, family entry, entry names b first)]} of a random matching of jobs whose pair pays somewhere."""
    family = problem.space.family
    if family is None:
        return {}
    scale = problem.instance.jobs.scale_factor
    order = np.random.default_rng(problem.seed).permutation(len(scale)).tolist()
    waiting: dict[int, int] = {}
    pairs = {}
    for job in order:
        other = waiting.pop(int(scale[job]), None)
        columns = [] if other is None else _columns(family, other, job)
        if other is None or not columns:
            waiting[int(scale[job])] = job
        else:
            pairs[other, job] = columns
    return pairs


def _columns(family: Any, a: int, b: int) -> list[tuple[int, int, bool]]:
    kinds = [family.kind[a], family.kind[b]]
    found: dict[int, tuple[int, int, bool]] = {}
    for swapped, wanted in ((True, kinds[::-1]), (False, kinds)):
        for entry in np.flatnonzero((family.members == wanted).all(axis=1)).tolist():
            found[int(family.resource[entry])] = (int(family.resource[entry]), entry, swapped)
    return list(found.values())


Gandiva.methods = (go.Method("rule", _split, "heuristic", "one random matching (seeded)"),)
