"""What all compiled passes share: jobs are read in blocks, column by column, so that the loops over jobs use wide registers.

A pass reads rows of the throughput table T (K, R), row by row as it lies in memory, and turns a block of them into columns
``point[j, i] = gain_i T_ij`` in the first-level cache. Sums are float64; no flag that would assume finite numbers is set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 256  # jobs a block: R columns of it stay in the cache nearest to the core
HUGE = 1e300

COMPILED: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "nsz", "contract"},
}


@njit(**COMPILED)
def read_block(table, gain, use, rows, start, count, point, held):  # type: ignore[no-untyped-def]
    """Fill point (R, BLOCK) and held (BLOCK,) with ``count`` jobs: rows start.. of the table, or those listed in ``rows``."""
    types = table.shape[1]
    if len(rows) > 0:
        listed = rows[start : start + count]
        for i in range(count):
            row = listed[i]
            held[i] = use[row]
            factor = gain[row]
            for j in range(types):
                point[j, i] = table[row, j] * factor
        return
    factors, uses = gain[start : start + count], use[start : start + count]
    for i in range(count):
        held[i] = uses[i]
    for j in range(types):
        column, target = table[start : start + count, j], point[j]
        for i in range(count):
            target[i] = column[i] * factors[i]


@njit(**COMPILED)
def block_bounds(jobs, part, parts):  # type: ignore[no-untyped-def]
    """(first, last) job of one of ``parts`` nearly equal parts, cut between blocks."""
    blocks = (jobs + BLOCK - 1) // BLOCK
    return min(jobs, blocks * part // parts * BLOCK), min(jobs, blocks * (part + 1) // parts * BLOCK)


NO_ROWS = np.zeros(0, dtype=np.int64)
NO_MARKS = np.zeros(0, dtype=np.uint8)
NO_FLOATS = np.zeros(0)
