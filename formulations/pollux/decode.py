"""From counts to nodes: which node holds which filling, which job stands in which slot, whose part is where.

Any assignment works: nodes of a class are alike, slots of a size are alike, and the parts of one size stand on different
nodes because a node offers one part at most. Where distributed jobs may share nodes, the GPUs that the slots leave are dealt
out in turn, each job taking from the node with the most left, so that no job ends up on a single node.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

import gavelopt as go
from formulations.pollux.fillings import Filling
from formulations.pollux.question import KEEP
from formulations.pollux.structure import Structure


@dataclass
class Counts:
    """chosen: {job: configuration or KEEP}; fillings: (class, filling), one a node; parts: {(type, GPUs): one a job} of jobs
    that exchange theirs freely; own: {job: parts} of those that do not."""

    chosen: dict[int, int] = field(default_factory=dict)
    fillings: list[tuple[int, Filling]] = field(default_factory=list)
    parts: dict[tuple[int, int], list[tuple[int, ...]]] = field(default_factory=dict)
    own: dict[int, list[int]] = field(default_factory=dict)


def decode(structure: Structure, counts: Counts) -> go.IntArray:
    """(J, N) the plan behind the counts."""
    question = structure.question
    pinned = question.speedups.pinned
    plan = question.present * pinned[:, None]
    for job, way in counts.chosen.items():
        if way == KEEP:
            plan[job] = question.present[job]
    slots, parts = _offers(structure, counts)
    ways = question.speedups.ways
    across = []
    for job, way in sorted(counts.chosen.items()):
        if way == KEEP:
            continue
        kind, gpus = int(ways.type[way]), int(ways.gpus[way])
        if ways.spread[way]:
            across.append((job, kind, gpus))
        else:
            plan[job, slots[kind, gpus].pop()] = gpus
    if question.apart:
        for job, kind, gpus in across:
            for part in counts.own[job] if job in counts.own else counts.parts[kind, gpus].pop():
                plan[job, parts[kind, part].pop()] = part
    else:
        _deal(question.instance, plan, across)
    return plan


def _offers(
    structure: Structure, counts: Counts
) -> tuple[dict[tuple[int, int], list[int]], dict[tuple[int, int], list[int]]]:
    """{(type, size): nodes} of the slots and of the parts that the fillings offer."""
    left = [list(c.nodes) for c in structure.classes]
    slots: dict[tuple[int, int], list[int]] = {}
    parts: dict[tuple[int, int], list[int]] = {}
    for at, filling in counts.fillings:
        node, kind = left[at].pop(), structure.classes[at].kind
        for size in filling.slots:
            slots.setdefault((kind, size), []).append(node)
        if filling.part:
            parts.setdefault((kind, filling.part), []).append(node)
    return slots, parts


def _deal(instance: go.ElasticInstance, plan: go.IntArray, across: list[tuple[int, int, int]]) -> None:
    """Deal the GPUs that are left to the distributed jobs: one to each in turn from the fullest node it can use."""
    free = instance.node_gpus - plan.sum(axis=0)
    wants = {job: gpus for job, _, gpus in across}
    for kind in {kind for _, kind, _ in across}:
        here = np.where(instance.node_type == kind, free, 0)
        jobs = [job for job, k, _ in across if k == kind]
        for job in jobs:  # two nodes for each first, then the rest wherever it is
            for node in np.argsort(-here, kind="stable")[:2].tolist():
                plan[job, node] += 1
                here[node] -= 1
        for job in jobs:
            for node in np.argsort(-here, kind="stable").tolist():
                given = min(int(here[node]), wants[job] - int(plan[job].sum()))
                plan[job, node] += given
                here[node] -= given
