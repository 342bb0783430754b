"""How even an allocation is: Jain's index over jobs, per accelerator type, inside entities and between them.

    Jain    (sum_i x_i)^2 / (n sum_i x_i^2)        1: all have the same; 1/n: one has everything

Reference: Jain, Chiu and Hawe 1984.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gavelopt.model.arrays import FloatArray
from gavelopt.model.instance import Instance
from gavelopt.model.references import equal_share_rate


@dataclass(frozen=True)
class Evenness:
    """Jain's indices: 1 where all have the same, 1/n where one has everything; None where nobody has anything.

    jobs: of throughputs over those of the own slices. by_accelerator: of accelerators held per entitlement, over the jobs
    that can use the type. by_entity: as ``jobs``, over the entity's jobs. entities: of the entities' normalised
    throughputs  sum_i s_i r_i / prop_i  per entity weight.
    """

    jobs: float | None
    by_accelerator: Mapping[str, float | None]
    by_entity: Mapping[str, float | None]
    entities: float | None = None


def evenness(instance: Instance, rate: FloatArray, fair: FloatArray, held: FloatArray, right: FloatArray) -> Evenness:
    """rate, fair, right: (J,) throughputs, those of the own slices, entitlements; held: (J, R) accelerators held."""
    can = fair > 0
    advantage = np.where(can, rate / np.where(can, fair, 1.0), 0.0)
    able = instance.usable & (instance.rates > 0)
    per_right = np.maximum(held, 0.0) / right[:, None]
    by_accelerator = {
        name: jain(per_right[able[:, column], column]) for column, name in enumerate(instance.cluster.accelerators)
    }
    if instance.jobs.entity is None:
        return Evenness(jain(advantage[can]), by_accelerator, {})
    owner = np.array(instance.jobs.entity, dtype=object)
    weight = {entity.name: entity.weight for entity in instance.entities}
    names = list(dict.fromkeys(name for name in instance.jobs.entity if name is not None))
    normalised = instance.jobs.scale_factor * rate / equal_share_rate(instance, instance.space())
    totals = np.array([normalised[owner == name].sum() / weight.get(name, 1.0) for name in names])
    by_entity = {name: jain(advantage[can & (owner == name)]) for name in names}
    return Evenness(jain(advantage[can]), by_accelerator, by_entity, jain(totals))


def jain(values: FloatArray) -> float | None:
    """Jain's index of (n,) values >= 0; None where there are none or all are 0."""
    squares = float(values @ values)
    return float(values.sum() ** 2 / (len(values) * squares)) if squares > 0 else None
