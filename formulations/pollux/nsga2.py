"""NSGA-II (Deb et al. 2002) over whole-number states, with two objectives to be made small: what Pollux's optimiser runs on.

Each generation: parents by binary tournament (the one that dominates the other wins, then the less crowded), offspring by
the caller's crossover, mutation and repair, duplicates thrown away and bred again, and of parents and offspring together the
best fronts survive, the last one by crowding distance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import gavelopt as go

BREEDINGS = 100  # attempts to fill a generation with states that are not there yet


@dataclass(eq=False)
class Population:
    """states: (P, ...) whole numbers; values: (P, 2) objectives; front, crowding: (P,) ranks and crowding distances."""

    states: go.IntArray
    values: go.FloatArray
    front: go.IntArray
    crowding: go.FloatArray

    def to_dict(self) -> dict[str, int]:
        """How many states there are; the states themselves stay in memory, to start the next search from."""
        return {"states": len(self.states)}


@dataclass(frozen=True)
class Operators:
    """vary: (states, random) -> offspring states, one for each parent pair row; score: states -> (P, 2) objectives."""

    vary: Callable[[go.IntArray, np.random.Generator], go.IntArray]
    score: Callable[[go.IntArray], go.FloatArray]


def first_generation(states: go.IntArray, operators: Operators, size: int) -> Population:
    """The survivors among some first states."""
    unique = states[_first_of_kind(_marks(states), np.zeros(0))]
    return survivors(unique, operators.score(unique), size)


def next_generation(population: Population, operators: Operators, size: int, random: np.random.Generator) -> Population:
    """One generation further."""
    known = _marks(population.states)
    bred: list[go.IntArray] = []
    missing = size
    for _ in range(BREEDINGS):
        parents = population.states[tournament(population, 2 * -(-missing // 2), random)]
        offspring = operators.vary(parents, random)
        marks = _marks(offspring)
        fresh = _first_of_kind(marks, known)[:missing]
        bred.append(offspring[fresh])
        known = np.concatenate([known, marks[fresh]])
        missing -= len(fresh)
        if missing <= 0:
            break
    children = np.concatenate(bred)
    states = np.concatenate([population.states, children])
    return survivors(states, np.concatenate([population.values, operators.score(children)]), size)


def survivors(states: go.IntArray, values: go.FloatArray, size: int) -> Population:
    """The best ``size`` states by front, then by crowding distance."""
    front = fronts(values)
    crowding = np.zeros(len(states))
    for rank in range(int(front.max(initial=-1)) + 1):
        rows = np.flatnonzero(front == rank)
        crowding[rows] = crowding_distance(values[rows])
    kept = np.lexsort((-crowding, front))[:size]
    return Population(states[kept], values[kept], front[kept], crowding[kept])


def dominates(first: go.FloatArray, second: go.FloatArray) -> go.BoolArray:
    """Whether ``first`` is nowhere worse and somewhere better than ``second``, over the last axis."""
    return np.asarray((first <= second).all(axis=-1) & (first < second).any(axis=-1))


def fronts(values: go.FloatArray) -> go.IntArray:
    """(P,) the front of each state: 0 for those that nobody dominates, 1 for those only front 0 dominates, ..."""
    beaten = dominates(values[:, None, :], values[None, :, :])
    front = np.full(len(values), -1, dtype=np.int64)
    rank, left = 0, beaten.sum(axis=0)
    while (front < 0).any():
        now = (front < 0) & (left == 0)
        front[now] = rank
        left = left - beaten[now].sum(axis=0)
        rank += 1
    return front


def crowding_distance(values: go.FloatArray) -> go.FloatArray:
    """(P,) how far apart a state's neighbours in its front are, summed over normalised objectives; infinite at the ends."""
    total = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        total[order[[0, -1]]] = np.inf
        if span > 0 and len(values) > 2:
            total[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return total


def tournament(population: Population, number: int, random: np.random.Generator) -> go.IntArray:
    """(number,) winners of pairs drawn from shuffled rounds through the population."""
    size = len(population.states)
    rounds = -(-2 * number // size)
    pairs = np.concatenate([random.permutation(size) for _ in range(rounds)])[: 2 * number].reshape(-1, 2)
    a, b = pairs.T
    values, crowding = population.values, population.crowding
    first = dominates(values[a], values[b]) | (~dominates(values[b], values[a]) & (crowding[a] > crowding[b]))
    tie = ~dominates(values[a], values[b]) & ~dominates(values[b], values[a]) & (crowding[a] == crowding[b])
    first |= tie & (random.random(number) < 0.5)
    return np.where(first, a, b)


def _marks(states: go.IntArray) -> go.FloatArray:
    """(P,) one number a state; different states have different ones but for a chance of 2^-53."""
    flat = states.reshape(len(states), -1).astype(np.float64)
    return np.asarray(flat @ np.random.default_rng(12345).random(flat.shape[1]))


def _first_of_kind(marks: go.FloatArray, known: go.FloatArray) -> go.IntArray:
    """Positions of the first of equal marks, leaving out those that are known."""
    _, first = np.unique(marks, return_index=True)
    first = np.sort(first)
    return first[~np.isin(marks[first], known)]
