"""Which rows are alike: hashed, then compared exactly, in a few passes over the data.

    key_i = sum_j m_j (v_ij xor v_ij >> 29)       64 bits, of the bit patterns v of all values of row i, odd m_j

An open hash table gives each new key the next class. Parts of the rows are classified on threads of their own, and then their
classes. At the end every row is held against the first of its class; were two different rows ever to share a key, numpy sorts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gavelopt.engine.prices.block import BLOCK, COMPILED
from gavelopt.engine.prices.market import WORTH_THREADS, available_threads, in_parts
from gavelopt.model.arrays import FloatArray, IntArray

SAMPLE = 4_096
EMPTY = -1
SLOTS = 1 << 10  # of a table at first; it is never more than half full

Bits = NDArray[np.uint64]
Tables = list[FloatArray]


def classes_of(columns: Sequence[FloatArray], most: float = 1.0) -> tuple[IntArray, IntArray] | None:
    """(first, member): the first row of each class, and the class of each row; None where there are clearly more classes
    than ``most`` times the rows.

    columns: arrays (J,) or (J, n), compared value by value; -0.0 equals 0.0.
    """
    rows = len(columns[0])
    wide = [np.ascontiguousarray(c, dtype=np.float64).reshape(rows, -1) for c in columns]
    tables = [table for table in wide if table.shape[1] > 1 or not constant(table[:, 0])] or wide[:1]
    if most < 1.0 and rows > SAMPLE and _many(tables, most * rows):
        return None
    key, member = np.zeros(rows, dtype=np.uint64), np.empty(rows, dtype=np.int64)

    def run(_: int, begin: int, end: int) -> tuple[int, int, IntArray]:
        _add_keys(tables, key[begin:end], begin)
        return begin, end, _classified(key, begin, end, member)

    threads = available_threads() if rows >= WORTH_THREADS else 1
    (_, _, first), *others = in_parts(run, rows, threads)
    for begin, end, more in others:
        both = np.concatenate([first, more])
        label = np.empty(len(both), dtype=np.int64)
        kept = _classified(key[both], 0, len(both), label)
        if len(kept) > len(first) or (label[len(first) :] != np.arange(len(more))).any():
            rename(member, begin, end, label[len(first) :])
        first = both[kept]

    def verify(_: int, begin: int, end: int) -> bool:
        return all(alike(table, first, member, begin, end) for table in tables)

    if not all(in_parts(verify, rows, threads)):
        _, first, member = np.unique(np.hstack(tables) + 0.0, axis=0, return_index=True, return_inverse=True)
    return first, member.ravel()


def _many(tables: Tables, limit: float) -> bool:
    """Whether a sample has so few pairs alike that there must be more than ``limit`` classes (by the birthday rule)."""
    rows = len(tables[0])
    some = np.arange(SAMPLE) * (rows // SAMPLE) + np.random.default_rng(0).integers(rows // SAMPLE, size=SAMPLE)
    key, label = np.zeros(SAMPLE, dtype=np.uint64), np.empty(SAMPLE, dtype=np.int64)
    _add_keys([table[some] for table in tables], key, 0)
    pairs = SAMPLE - len(_classified(key, 0, SAMPLE, label))
    return bool(SAMPLE**2 / (2.0 * max(pairs, 1)) > limit)


def _add_keys(tables: Tables, key: Bits, begin: int) -> None:
    """The keys of rows begin.. of the tables, added to ``key``, which is zero."""
    for number, table in enumerate(tables):
        add_keys(table[begin : begin + len(key)].view(np.uint64), key, number)


def _classified(key: Bits, begin: int, end: int, member: IntArray) -> IntArray:
    """The first row of each class among rows begin..end; their classes go into ``member``."""
    slots, first = np.full(SLOTS, EMPTY, dtype=np.int64), np.empty(SLOTS // 2, dtype=np.int64)
    count, done = 0, begin
    while True:
        done, count = classify(key, done, end, slots, first, count, member)
        if done == end:
            return first[:count].copy()
        slots = np.full(4 * len(slots), EMPTY, dtype=np.int64)
        first = np.resize(first, 4 * len(first))
        refill(key, first, count, slots)


@njit(**COMPILED)
def add_keys(bits, key, number):  # type: ignore[no-untyped-def]
    """Mix the values of each row into its key, by other factors for each table ``number``; a zero has no sign."""
    odd = np.uint64(0x9E3779B97F4A7C15) + np.uint64(number) * np.uint64(0x94D049BB133111EA)
    for j in range(bits.shape[1]):
        for i in range(len(key)):
            value = bits[i, j]
            value = np.uint64(0) if value == np.uint64(0x8000000000000000) else value
            key[i] += (value ^ (value >> np.uint64(29))) * odd
        odd += np.uint64(0xBF58476D1CE4E5BA)


@njit(**COMPILED)
def constant(column):  # type: ignore[no-untyped-def]
    """Whether all values are equal. Block by block, so that it ends soon where they are not."""
    for start in range(0, len(column), BLOCK):
        apart = 0
        for value in column[start : start + BLOCK]:
            apart += value != column[0]
        if apart > 0:
            return False
    return True


@njit(**COMPILED)
def classify(key, begin, end, slots, first, count, member):  # type: ignore[no-untyped-def]
    """Give rows begin..end their classes until the table is half full; returns (where it stopped, classes)."""
    mask = np.uint64(len(slots) - 1)
    for i in range(begin, end):
        mine = key[i]
        slot = (mine ^ (mine >> np.uint64(32))) & mask
        while True:
            label = slots[slot]
            if label == EMPTY:
                if count == len(first):
                    return i, count
                slots[slot], first[count], member[i] = count, i, count
                count += 1
                break
            if key[first[label]] == mine:
                member[i] = label
                break
            slot = (slot + np.uint64(1)) & mask
    return end, count


@njit(**COMPILED)
def refill(key, first, count, slots):  # type: ignore[no-untyped-def]
    """Put the classes found so far into an empty table."""
    mask = np.uint64(len(slots) - 1)
    for label in range(count):
        mine = key[first[label]]
        slot = (mine ^ (mine >> np.uint64(32))) & mask
        while slots[slot] != EMPTY:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = label


@njit(**COMPILED)
def alike(table, first, member, begin, end):  # type: ignore[no-untyped-def]
    """Whether rows begin..end equal the first rows of their classes."""
    for i in range(begin, end):
        k = first[member[i]]
        for j in range(table.shape[1]):
            if table[i, j] != table[k, j]:
                return False
    return True


@njit(**COMPILED)
def rename(member, begin, end, name):  # type: ignore[no-untyped-def]
    """member := name[member] for rows begin..end."""
    for i in range(begin, end):
        member[i] = name[member[i]]
