"""Agnostic policies take every type as fast as one reference accelerator."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go


@pytest.mark.parametrize("policy", ["makespan", "ftf"])
def test_of_equally_fast_types_the_name_decides_not_the_order(policy: str) -> None:
    rates, names = np.array([[10.0, 1.0], [0.1, 1.0]]), ["v100", "a100"]
    here = go.Instance.from_arrays(rates, [1, 1], steps=1.0, accelerators=names)
    there = go.Instance.from_arrays(rates[:, ::-1], [1, 1], steps=1.0, accelerators=names[::-1])
    values = [go.solve(each, policy, agnostic=True).value for each in (here, there)]
    assert values[0] == pytest.approx(values[1])
