"""What a scheduler that ignores heterogeneity believes: every type is as fast as one reference accelerator."""

from __future__ import annotations

import numpy as np

import gavelopt as go

EQUAL = 1e-9  # difference of average speeds, relative to the fastest type, that is rounding


def check_agnostic(policy: go.Policy, agnostic: bool, accelerator: str | None = None) -> None:
    """Raise InputError unless ``agnostic`` is a truth value that goes with the policy's other options."""
    go.choice(policy.name, "agnostic", agnostic, (True, False))
    if agnostic and policy.space_sharing:
        raise go.InputError(
            "agnostic and space_sharing cannot both be set",
            rule="which jobs share well is known from measured rates, which an agnostic policy ignores",
        )
    if accelerator is not None and not agnostic:
        raise go.InputError(
            "reference_accelerator is set, and nothing reads it",
            seen=f"reference_accelerator={accelerator!r}",
            rule="an agnostic policy takes every rate as on it",
            fix="agnostic=True as well",
        )


def rates_as_on(instance: go.Instance, accelerator: str | None) -> go.FloatArray:
    """(J, R) every rate as on ``accelerator``; None means the type that is fastest on average over the jobs, of the types that
    the cluster has; of equally fast ones the first by name, so that the order of a table decides nothing."""
    rates = instance.throughputs.rates
    if not rates.size:
        return rates
    if accelerator is None:
        present = instance.cluster.count > 0
        there = np.where(present, rates, 0.0)  # what the cluster has none of is no measure either
        relative = (there / np.maximum(there.max(axis=1, keepdims=True), 1e-300)).mean(axis=0)
        fastest = np.flatnonzero((present | ~present.any()) & (relative >= relative.max() - EQUAL)).tolist()
        column = min(fastest, key=list(instance.cluster.accelerators).__getitem__)
    else:
        column = instance.cluster.accelerators.index(accelerator)
    return np.repeat(rates[:, column : column + 1], rates.shape[1], axis=1)
