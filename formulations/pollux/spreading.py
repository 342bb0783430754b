"""Distributed jobs in the integer program: the parts they fall into, and where they may share nodes.

Jobs of K GPUs across nodes are counted by decomposition d (``fillings.py``):

    sum_j x_(j, K) <= sum_d y_Kd          y_Kd whole: jobs of K GPUs that fall into the parts d

y does not know whose parts they are; jobs of the same K exchange them freely. Where K has more than MOST decompositions (on
nodes where rows could stay, any GPUs may be left over) each such job counts its own parts instead:

    sum_f f y_jf = K x_(j, K),   sum_f y_jf >= 2 x_(j, K)          y_jf whole: parts of f GPUs of job j

Where distributed jobs may share nodes, parts are GPUs, and every job must find one outside any single node. With b_f = 1 if
some node of the type leaves them f GPUs:  (GPUs left on all nodes) - f >= number of distributed jobs. That, and GPUs enough in
all, is what it takes to put each of them on two nodes at least (max-flow, min-cut: no job takes more than K - 1 of a node).
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

import gavelopt as go
from formulations.pollux.fillings import decompositions
from formulations.pollux.program import Program
from formulations.pollux.structure import Structure

MOST = 40  # decompositions of one number of GPUs
Option = tuple[float, tuple[Any, ...], list[tuple[int, float]]]  # cost, meaning, entries beside those of its parts


def program_over(structure: Structure) -> Program:
    """The rows of a structure, without columns (but those that say how much nodes leave to distributed jobs)."""
    program = Program(list(structure.limit), [-np.inf] * len(structure.limit))
    if not structure.question.apart:
        _add_spans(program, structure)
    return program


def add_across(
    program: Program,
    structure: Structure,
    kind: int,
    gpus: int,
    options: list[Option],
    price: go.FloatArray,
    slack: float,
) -> None:
    """Columns for options with ``gpus`` GPUs across nodes, and for the ways to fall within ``slack`` of the cheapest."""
    choices = _choices(structure, kind, gpus, price, slack)
    if len(choices) > MOST:
        for cost, meaning, entries in options:
            _own_parts(program, structure, kind, gpus, (cost, meaning, entries))
        return
    row = program.row(0.0)
    spans = [(at, -1.0) for (k, _), at in program.spans.items() if k == kind]
    for cost, meaning, entries in options:
        program.column(cost, 1.0, meaning, [*entries, (row, 1.0)])
    for parts in choices:
        demand = structure.demand_entries(kind, parts)
        program.column(0.0, float(structure.jobs), ("parts", kind, gpus, parts), [(row, -1.0), *demand, *spans])


def _choices(structure: Structure, kind: int, gpus: int, price: go.FloatArray, slack: float) -> list[tuple[int, ...]]:
    """Decompositions that can matter, at most MOST + 1 of them."""
    if not structure.question.apart:
        return [(1,) * gpus]  # parts are counted in GPUs: any decomposition stands for all
    size = structure.size[kind]
    free = {c.capacity for c in structure.classes if c.kind == kind and c.open}
    held = any(c.held for c in structure.classes if c.kind == kind)
    whole = frozenset(range(1, size + 1)) if held else frozenset(free | {size})
    least = float(go.elastic.bounds.price_across(price, gpus)[0][gpus])
    return list(islice(decompositions(gpus, whole, price, least + slack), MOST + 1))


def _own_parts(program: Program, structure: Structure, kind: int, gpus: int, option: Option) -> None:
    cost, meaning, entries = option
    total, number = program.row(0.0, 0.0), program.row(np.inf, 0.0)
    program.column(cost, 1.0, meaning, [*entries, (total, -float(gpus)), (number, -2.0)])
    for f in range(1, structure.size[kind] + 1):
        entry = [(total, float(f)), (number, 1.0), (structure.part[kind][f - 1], 1.0)]
        program.column(0.0, float(gpus), ("own", meaning[1], f), entry)


def add_fillings(program: Program, structure: Structure) -> None:
    """Columns for what the nodes of each class may hold."""
    for at, filling in structure.supply:
        c = structure.classes[at]
        entries = structure.supply_entries(at, filling)
        entries += [(row, float(filling.part)) for (k, _), row in program.spans.items() if k == c.kind]
        if (c.kind, filling.part) in program.offers:
            entries.append((program.offers[c.kind, filling.part], 1.0))
        program.column(0.0, float(len(c.nodes)), ("filling", at, filling), entries)


def _add_spans(program: Program, structure: Structure) -> None:
    """Where distributed jobs share nodes: rows and indicators that keep each of them off a single node."""
    for kind, size in enumerate(structure.size):
        much = float(structure.jobs + size)
        nodes = float(sum(len(c.nodes) for c in structure.classes if c.kind == kind))
        for f in range(1, size + 1):
            program.spans[kind, f] = program.row(np.inf, f - much)
            program.offers[kind, f] = program.row(0.0)
            program.column(
                0.0, 1.0, ("offers", kind, f), [(program.spans[kind, f], -much), (program.offers[kind, f], -nodes)]
            )
