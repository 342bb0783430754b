"""Which rows are alike: hashed, then compared exactly, one pass over the data.

    key_i = sum_j m_j (v_ij xor v_ij >> 29)       64 bits, of the bit patterns v of all values of row i, odd m_j

An open hash table holds one row of every class found so far; a row with the key of a class is compared with that one row, and
goes on to the next slot where it differs. Parts of the rows are classified on threads of their own, and then their classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from gavelopt.engine.prices.block import COMPILED
from gavelopt.engine.prices.market import available_threads, in_parts
from gavelopt.model.arrays import FloatArray, IntArray

SAMPLE = 4_096
EMPTY = -1
SLOTS = 1 << 10  # of a table at first; it is never more than half full

Tables = tuple[FloatArray, ...]


def classes_of(columns: Sequence[FloatArray], most: float = 1.0) -> tuple[IntArray, IntArray] | None:
    """(first, member): the first row of each class, and the class of each row; None where there are clearly more classes
    than ``most`` times the rows.

    columns: arrays (J,) or (J, n), compared value by value; -0.0 equals 0.0.
    """
    rows = len(columns[0])
    wide = [np.ascontiguousarray(c, dtype=np.float64).reshape(rows, -1) for c in columns]
    tables = tuple(table for table in wide if table.shape[1] > 1 or not constant(table[:, 0])) or (wide[0],)
    if most < 1.0 and rows > SAMPLE and _many(tables, most * rows):
        return None
    member = np.empty(rows, dtype=np.int64)

    def run(_: int, begin: int, end: int) -> tuple[int, int, IntArray]:
        return begin, end, _classified(tables, begin, end, member)

    (_, _, first), *others = in_parts(run, rows, available_threads() if rows > SAMPLE else 1)
    for begin, end, more in others:
        both = np.concatenate([first, more])
        label = np.empty(len(both), dtype=np.int64)
        kept = _classified(tuple(table[both] for table in tables), 0, len(both), label)
        if len(kept) > len(first) or (label[len(first) :] != np.arange(len(more))).any():
            rename(member, begin, end, label[len(first) :])
        first = both[kept]
    return first, member


def _many(tables: Tables, limit: float) -> bool:
    """Whether a sample has so few pairs alike that there must be more than ``limit`` classes (by the birthday rule)."""
    rows = len(tables[0])
    some = np.arange(SAMPLE) * (rows // SAMPLE) + np.random.default_rng(0).integers(rows // SAMPLE, size=SAMPLE)
    label = np.empty(SAMPLE, dtype=np.int64)
    pairs = SAMPLE - len(_classified(tuple(table[some] for table in tables), 0, SAMPLE, label))
    return bool(SAMPLE**2 / (2.0 * max(pairs, 1)) > limit)


def _classified(tables: Tables, begin: int, end: int, member: IntArray) -> IntArray:
    """The first row of each class among rows begin..end; their classes go into ``member``."""
    bits = tuple(table.view(np.uint64) for table in tables)
    slots, keys = np.full(SLOTS, EMPTY, dtype=np.int64), np.empty(SLOTS // 2, dtype=np.uint64)
    first, count, done = np.empty(SLOTS // 2, dtype=np.int64), 0, begin
    while True:
        done, count = classify(tables, bits, done, end, slots, keys, first, count, member)
        if done == end:
            return first[:count].copy()
        slots = np.full(4 * len(slots), EMPTY, dtype=np.int64)
        keys, first = np.resize(keys, 4 * len(keys)), np.resize(first, 4 * len(first))
        refill(keys, count, slots)


@njit(**COMPILED)
def key_of(bits, i):  # type: ignore[no-untyped-def]
    """64 bits mixed from all values of row ``i``; the sign of a zero does not count."""
    key, odd = np.uint64(0), np.uint64(0x9E3779B97F4A7C15)
    for table in bits:
        row = table[i]
        for j in range(len(row)):
            value = row[j]
            value = np.uint64(0) if value == np.uint64(0x8000000000000000) else value
            key += (value ^ (value >> np.uint64(29))) * odd
            odd += np.uint64(0xBF58476D1CE4E5BA)
    return key ^ (key >> np.uint64(32))


@njit(**COMPILED)
def constant(column):  # type: ignore[no-untyped-def]
    """Whether all values are equal."""
    return np.all(column == column[0])


@njit(**COMPILED)
def classify(tables, bits, begin, end, slots, keys, first, count, member):  # type: ignore[no-untyped-def]
    """Give rows begin..end their classes until the table is half full; returns (where it stopped, classes)."""
    mask = np.uint64(len(slots) - 1)
    for i in range(begin, end):
        key = key_of(bits, i)
        slot = key & mask
        while True:
            label = slots[slot]
            if label == EMPTY:
                if count == len(first):
                    return i, count
                slots[slot], keys[count], first[count], member[i] = count, key, i, count
                count += 1
                break
            if keys[label] == key and alike(tables, i, first[label]):
                member[i] = label
                break
            slot = (slot + np.uint64(1)) & mask
    return end, count


@njit(**COMPILED)
def refill(keys, count, slots):  # type: ignore[no-untyped-def]
    """Put the classes found so far into an empty table."""
    mask = np.uint64(len(slots) - 1)
    for label in range(count):
        slot = keys[label] & mask
        while slots[slot] != EMPTY:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = label


@njit(**COMPILED)
def alike(tables, i, k):  # type: ignore[no-untyped-def]
    """Whether two rows are equal in all tables."""
    for table in tables:
        for j in range(table.shape[1]):
            if table[i, j] != table[k, j]:
                return False
    return True


@njit(**COMPILED)
def rename(member, begin, end, name):  # type: ignore[no-untyped-def]
    """member := name[member] for rows begin..end."""
    for i in range(begin, end):
        member[i] = name[member[i]]
