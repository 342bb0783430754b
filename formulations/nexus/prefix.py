"""Prefix batching: models that share a prefix run it together.

A group of sessions with rates R_i becomes one session of rate R = sum R_i and objective min L_i, whose batch of b runs

    b_i = ceil(b R_i / R)      of each member
    l(b) = l_prefix(sum_i b_i) + sum_i l_suffix,i(b_i),     memory likewise

so that b >= R d gives every member b_i >= R_i d. Whether that helps depends on the rest of the packing: the prefix is
shared, but all members now take the tightest objective and sit on one GPU. ``choose`` therefore packs with each group
merged and not: every subset of up to EVERY groups, beyond that one group after the other, keeping what does not cost more.
Reference: Shen et al., Nexus, SOSP 2019, section 6.3. The repository asks for equal objectives and takes one member's profile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np

import gavelopt as go
from formulations.nexus.squishy import Squishy

EVERY = 4


@dataclass(frozen=True, eq=False)
class Prefixed:
    """merged: names of the groups that were merged; instance: with them as sessions; solution: its packing; alone: without."""

    merged: tuple[str, ...]
    instance: go.PackingInstance
    solution: go.Solution
    alone: go.Solution


def choose(instance: go.PackingInstance, policy: Squishy | None = None, method: str = "exact") -> Prefixed:
    """The groups of the instance worth merging. Raises InputError where it has none."""
    if not instance.prefix_groups:
        raise go.InputError("the instance has no prefix groups", fix="give prefix_groups")
    chosen = policy or Squishy()

    def packed(groups: Sequence[go.PrefixGroup]) -> tuple[go.PackingInstance, go.Solution]:
        changed = merge(instance, groups) if groups else instance
        return changed, go.solve(changed, chosen, method=method)

    groups = instance.prefix_groups
    first: _Outcome = ((), *packed(()))
    best = first
    if len(groups) <= EVERY:
        for size in range(1, len(groups) + 1):
            for subset in combinations(groups, size):
                best = _better(best, (subset, *packed(subset)))
    else:
        for group in groups:
            more = (*best[0], group)
            best = _better(best, (more, *packed(more)))
    return Prefixed(tuple(group.name for group in best[0]), best[1], best[2], first[2])


_Outcome = tuple[tuple[go.PrefixGroup, ...], go.PackingInstance, go.Solution]


def _better(old: _Outcome, new: _Outcome) -> _Outcome:
    if new[2].value is None:
        return old
    return new if old[2].value is None or new[2].value < old[2].value else old


def merge(instance: go.PackingInstance, groups: Iterable[go.PrefixGroup]) -> go.PackingInstance:
    """The instance with these groups as sessions of their own (named after the group), their members taken out.

    Raises:
        InputError: a session in two groups; a group that can run on no type, or without any rate.
    """
    if instance.interpolation == "affine":
        raise go.InputError("a group's latency is no affine line", fix="interpolation 'step_up' or 'linear'")
    sessions, profiles = instance.sessions, list(instance.profiles)
    gone: set[int] = set()
    rows: list[tuple[str, float, float]] = []
    for group in groups:
        members = [sessions.names.index(name) for name, _ in group.members]
        if gone.intersection(members) or len(set(members)) < len(members):
            raise go.InputError("a session stands in two prefix groups", where=f"prefix group {group.name!r}")
        gone.update(members)
        rates = [Fraction(int(r)) for r in sessions.rate_urps[members]]
        built = [p for t in range(len(instance.gpus)) if (p := _profile(instance, group, rates, t)) is not None]
        if not built:
            raise go.InputError(
                "the prefix and the suffixes run together on no accelerator", where=f"prefix group {group.name!r}"
            )
        profiles += built
        rows.append((group.name, float(sum(rates)) / 1e6, float(sessions.slo_ms[members].min())))
    kept = [k for k in range(len(sessions)) if k not in gone]
    return instance.replace(
        profiles=profiles,
        sessions=go.SessionSet(
            [*(sessions.names[k] for k in kept), *(name for name, _, _ in rows)],
            model=[*(sessions.model[k] for k in kept), *(name for name, _, _ in rows)],
            rate_rps=[*sessions.rate_rps[kept], *(rate for _, rate, _ in rows)],
            slo_ms=[*sessions.slo_ms[kept], *(slo for _, _, slo in rows)],
        ),
        prefix_groups=(),
    )


def _profile(
    instance: go.PackingInstance, group: go.PrefixGroup, rates: list[Fraction], accelerator: int
) -> go.BatchProfile | None:
    """The group's profile on one type; None where the prefix or a suffix has none."""
    prefix = instance.curve_of(group.prefix, accelerator)
    suffixes = [instance.curve_of(suffix, accelerator) for _, suffix in group.members]
    whole = sum(rates)
    if not whole:
        raise go.InputError("no member has requests", where=f"prefix group {group.name!r}")
    if prefix is None or any(curve is None for curve in suffixes):
        return None
    known = [curve for curve in suffixes if curve is not None]
    batch, latency, memory = [], [], []
    for b in range(1, len(prefix) + 1):
        own = [-int(-(b * rate) // whole) for rate in rates]
        if sum(own) > len(prefix) or any(n > len(curve) for n, curve in zip(own, known, strict=True)):
            break
        parts = [(n, curve) for n, curve in zip(own, known, strict=True) if n]
        batch.append(b)
        latency.append(prefix.latency(sum(own)) + sum(curve.latency(n) for n, curve in parts))
        memory.append(int(prefix.memory_bytes[sum(own) - 1]) + sum(int(c.memory_bytes[n - 1]) for n, c in parts))
    if not batch:
        return None
    cpu = max(instance.cpu_us(model, accelerator) for model in (group.prefix, *(s for _, s in group.members)))
    return go.BatchProfile(group.name, instance.accelerators[accelerator], batch, latency, np.array(memory), None, cpu)
