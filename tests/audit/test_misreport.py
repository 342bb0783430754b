"""The strategy-proofness probe: finds policies in which lying pays, and none in one that looks at no rate."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from gavelopt.judge.misreport import liars, lying
from tests.audit.cases import two_types


def test_overstating_a_rate_pays_under_raw_throughput() -> None:
    instance = two_types([[4.0, 1.0], [5.0, 1.0]])
    found = go.solve(instance, "max_sum").audit(probe_jobs=["a"])
    finding = found["strategy_proofness"]
    assert finding.holds is False
    assert finding.count == 1
    worst = finding.violations[0]
    assert worst.jobs == ("a",)
    # a says 8 on fast and gets it from b: 4 in truth, after 1 on slow
    assert worst.figures == pytest.approx({"factor": 2.0, "rate": 4.0, "honest_rate": 1.0, "gain": 3.0})
    assert "reports 2 times its rate on fast" in worst.text
    assert "4 lies of 1 job(s)" in finding.note


def test_nobody_gains_where_rates_do_not_count() -> None:
    instance = two_types([[4.0, 1.0], [5.0, 1.0], [2.0, 2.0]])
    finding = go.solve(instance, "isolated").audit(probe_jobs=3)["strategy_proofness"]
    assert finding.holds is True
    assert finding.figure == pytest.approx(0.0)


def test_without_a_probe_there_is_no_such_finding() -> None:
    found = go.solve(two_types([[4.0, 1.0]]), "isolated").audit()
    with pytest.raises(KeyError):
        found["strategy_proofness"]


def test_a_liar_leaves_its_kind_and_takes_its_pairs_along() -> None:
    pairs = go.PairTable([[0, 0], [0, 1]], [[[3.0, 3.0]], [[2.0, 1.0]]], 2, 1)
    table = go.ThroughputTable([[4.0], [6.0]], 3, ["v100"], kind=[0, 0, 1], pairs=pairs)
    instance = go.Instance(go.Cluster({"v100": 1}), go.JobSet(table.jobs), table)
    told = lying(instance, 1, 0, 0.5)
    np.testing.assert_allclose(told.rates.ravel(), [4.0, 2.0, 6.0])
    after = told.pair_family
    assert after is not None
    rates = {(int(a), int(b)): r.tolist() for (a, b), r in zip(after.members, after.rates, strict=True)}
    honest, liar, other = (int(after.kind[job]) for job in range(3))
    assert rates.get((liar, honest), rates.get((honest, liar))) == [3.0, 3.0]
    assert rates.get((liar, other)) == [2.0, 1.0]


def test_liars_are_drawn_from_every_kind_first() -> None:
    instance = two_types([[4.0, 1.0], [4.0, 1.0], [4.0, 1.0], [5.0, 2.0]])
    drawn = liars(instance, 2, seed=1)
    assert "d" in drawn
    assert len(set(drawn)) == 2
    assert sorted(liars(instance, 9)) == ["a", "b", "c", "d"]
