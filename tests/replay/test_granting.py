"""Asking through a session and asking afresh come to the same replay."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from gavelopt.engine.registry import resolve
from gavelopt.replay import granting
from tests.replay.traces import failed


@pytest.fixture(scope="module")
def trace() -> go.Instance:
    """30 jobs in two hours on seven accelerators, with weights and deadlines, and pair rates that nobody asks for."""
    generator = go.TraceGenerator(
        go.examples.gavel_profiles(), go.Cluster.from_spec("v100:3,p100:2,k80:2"), priorities=True, slos=True
    )
    return generator(30, 15.0, seed=3)


@pytest.mark.parametrize("mode", ["rounds", "fluid"])
@pytest.mark.parametrize("policy", ["isolated", "proportional_fairness", "ftf", "makespan"])
def test_a_session_answers_as_a_fresh_question(
    policy: str, mode: str, trace: go.Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = go.replay(trace, policy, mode=mode)
    assert not failed(warm)
    monkeypatch.setattr(granting, "_session_suffices", lambda *_: False)
    fresh = go.replay(trace, policy, mode=mode)
    # where X is unique, so are the completions; elsewhere ties may fall differently
    if policy in ("isolated", "proportional_fairness") and mode == "fluid":
        np.testing.assert_allclose(warm.finish_s, fresh.finish_s, rtol=1e-3)
    assert warm.makespan_s == pytest.approx(fresh.makespan_s, rel=0.05)


def test_what_a_session_does_not_keep_is_asked_afresh(trace: go.Instance) -> None:
    shared = go.PairTable([(0, 1)], np.full((1, 3, 2), 0.9), 2, 3)
    table = go.ThroughputTable(np.ones((2, 3)), ["a", "b"], trace.cluster.accelerators, pairs=shared)
    paired = go.Instance(trace.cluster, go.JobSet(["a", "b"], steps=[5, 5]), table)
    suffices = granting._session_suffices
    assert suffices(trace, _policy("max_min"))
    assert suffices(paired, _policy("max_min"))
    assert not suffices(paired, _policy("max_min", space_sharing=True))
    assert not suffices(paired.replace(reference=go.Cluster.from_spec("1:1:1")), _policy("max_min"))


def _policy(name: str, **options: object) -> go.Policy:
    return resolve(name, options)[0]
