"""Space sharing: which pairs of jobs may share the accelerators of one gang, kept by kind of job.

A family entry p says: any job of kind k and any other job of kind l may share ``use_p`` accelerators of one type, held
once, at the rates (a_p, b_p). A thousand jobs of 26 kinds have half a million pairs per type but 351 entries.

Pairs that cannot help are left out. Let T_k, T_l be the rates of the two alone on that type with the same gang s. If

    a / T_k + b / T_l <= 1

then the time x of the pair can be replaced by time x a / T_k of the first and x b / T_l of the second, alone and one after
the other: both keep their rates; each spends at most x of its time, since each fraction is at most 1; and the type is used
for s x (a / T_k + b / T_l) <= s x. So some optimum never uses such a pair, whatever the objective and the other columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gavelopt.model.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from gavelopt.model.throughput import PairTable


@dataclass(frozen=True, eq=False)
class PairFamily:
    """All pair columns of a space, by kind.

    kind: (J,) kind of each job; members: (P, 2) kinds; resource: (P,) type; rates: (P, 2) rate of each member;
    use: (P,) accelerators, held once. considered: pair columns before those that cannot help were left out.
    """

    kind: IntArray
    members: IntArray
    resource: IntArray
    rates: FloatArray
    use: FloatArray
    considered: int = 0

    def __len__(self) -> int:
        return len(self.members)

    @property
    def jobs_of_kind(self) -> IntArray:
        """(K,) number of jobs of each kind."""
        return np.bincount(self.kind, minlength=int(self.members.max(initial=-1)) + 1)

    @property
    def columns(self) -> int:
        """Number of pair columns that the family stands for."""
        return _columns(self.jobs_of_kind, self.members)

    def scaled(self, factor: FloatArray) -> PairFamily:
        """The family with the rates on each type multiplied by ``factor`` (C,)."""
        rates = self.rates * factor[self.resource][:, None]
        return PairFamily(self.kind, self.members, self.resource, rates, self.use, self.considered)


def _columns(jobs: IntArray, members: IntArray) -> int:
    first, second = jobs[members[:, 0]], jobs[members[:, 1]]
    same = members[:, 0] == members[:, 1]
    return int(np.where(same, first * (first - 1) // 2, first * second).sum())


def pair_family(pairs: PairTable, row: IntArray, scale: IntArray, table: FloatArray, usable: BoolArray) -> PairFamily:
    """The family of pairs of equal gangs that can help.

    row: (J,) table row of each job; scale: (J,) scale factors; table, usable: (J, C) rates alone and where time may go.
    """
    keys, first, kind = np.unique(np.column_stack([row, scale]), axis=0, return_index=True, return_inverse=True)
    kind = kind.ravel()
    kinds_of_row: dict[int, list[int]] = {}
    for number, (table_row, _) in enumerate(keys.tolist()):
        kinds_of_row.setdefault(table_row, []).append(number)
    couples: list[tuple[int, int]] = []
    source: list[int] = []
    for position, (a, b) in enumerate(pairs.members.tolist()):
        for k in kinds_of_row.get(a, ()):
            couples += [(k, m) for m in kinds_of_row.get(b, ()) if keys[k, 1] == keys[m, 1]]
        source += [position] * (len(couples) - len(source))
    types = table.shape[1]
    members = np.repeat(np.array(couples, dtype=np.int64).reshape(-1, 2), types, axis=0)
    resource = np.tile(np.arange(types), len(couples))
    rates = pairs.rates[source].reshape(-1, 2)
    left, right = first[members[:, 0]], first[members[:, 1]]
    possible = usable[left, resource] & usable[right, resource] & ~np.isnan(rates).any(axis=1) & (rates > 0).any(axis=1)
    jobs = np.bincount(kind, minlength=len(keys))
    possible &= (members[:, 0] != members[:, 1]) | (jobs[members[:, 0]] > 1)
    helps = possible & (
        _parts(rates[:, 0], table[left, resource]) + _parts(rates[:, 1], table[right, resource]) > 1 + 1e-12
    )
    use = keys[members[:, 0], 1].astype(np.float64)
    return PairFamily(
        kind, members[helps], resource[helps], rates[helps], use[helps], _columns(jobs, members[possible])
    )


def _parts(shared: FloatArray, alone: FloatArray) -> FloatArray:
    """Rate when sharing as a part of the rate alone; a job that runs only when sharing counts as infinitely better."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(shared > 0, shared / alone, 0.0)
