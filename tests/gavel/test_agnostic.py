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


@pytest.mark.parametrize("policy", ["makespan", "ftf"])
def test_a_type_that_is_not_there_is_no_measure(policy: str) -> None:
    """However fast it is: the types that are there are compared with one another."""
    here = go.Instance.from_arrays([[0.0, 1.0]], [1, 1], steps=1.0, accelerators=["k80", "p100"])
    there = go.Instance.from_arrays([[0.0, 1.0, 1e12]], [1, 1, 0], steps=1.0, accelerators=["k80", "p100", "a100"])
    values = [go.solve(each, policy, agnostic=True).value for each in (here, there)]
    assert values[0] is not None
    assert values[0] == pytest.approx(values[1])
