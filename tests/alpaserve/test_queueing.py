"""Queueing formulas: their own identities, the simulator, and the shapes of the paper's Figures 5 and 6."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq

import gavelopt as go
from formulations.alpaserve.figures import burstiness_curve, plot, rate_curve
from formulations.alpaserve.queueing import (
    gd1_latency,
    largest_alpha,
    largest_beta,
    md1_latency,
    pipeline_latency,
    simple_latency,
    two_model_instance,
)

D = 0.4


@pytest.mark.parametrize("load", [0.1, 0.7, 1.3, 1.9])
def test_closed_forms(load: float) -> None:
    rate = load / D
    assert simple_latency(rate, D) == pytest.approx(D + rate * D**2 / (4 - 2 * rate * D))
    assert pipeline_latency(rate, D) == pytest.approx(D + rate * D**2 / (8 - 4 * rate * D))
    assert pipeline_latency(rate, D) - D == pytest.approx((simple_latency(rate, D) - D) / 2)
    shares = np.linspace(0.5, min(1.0, 0.99 / load), 9)
    assert (np.diff(simple_latency(rate, D, shares)) >= -1e-12).all()  # uneven shares only hurt the split


def test_what_is_unstable_is_infinite() -> None:
    assert md1_latency(3.0, D) == np.inf
    assert simple_latency(4.0, D, 0.9) == np.inf
    assert np.isfinite(pipeline_latency(4.0, D))
    assert gd1_latency(1.0, D, 0.0) == D


@pytest.mark.parametrize(
    ("r", "alpha", "beta"),
    [
        (0.05, 1.0063, 1.4068),
        (0.5, 1.0692, 1.3333),
        (1.0, 1.1315, 1.2361),
        (1.5, 1.1111, 1.1231),
        (1.95, 1.0125, 1.0125),
    ],
)
def test_tolerable_overheads_are_the_roots(r: float, alpha: float, beta: float) -> None:
    assert largest_alpha(r) == pytest.approx(alpha, abs=5e-5)
    assert largest_beta(r) == pytest.approx(beta, abs=5e-5)
    rate, top = r / D, 2 / r - 1e-9

    def excess(**overheads: float) -> float:
        return float(pipeline_latency(rate, D, **overheads) - simple_latency(rate, D))

    assert brentq(lambda a: excess(alpha=a), 1, min(top, 1.5)) == pytest.approx(largest_alpha(r))
    assert brentq(lambda b: excess(beta=b), 1, min(top, 1.6)) == pytest.approx(largest_beta(r))


@pytest.mark.parametrize("load", [0.2, 0.6, 1.2])
@pytest.mark.parametrize("pipelined", [False, True])
def test_the_simulator_is_an_m_d_1_queue(load: float, pipelined: bool) -> None:
    question, placement = two_model_instance(load / D, D, pipelined=pipelined, requests=200_000)
    formula = (pipeline_latency if pipelined else simple_latency)(load / D, D)
    assert go.serving.simulate_serving(question, placement).mean_latency_s == pytest.approx(formula, rel=0.01)


def test_burstiness_waits_longer() -> None:
    waits = gd1_latency(1.0, D, np.array([0.5, 1.0, 2.0, 4.0]))
    assert (np.diff(waits) > 0).all()
    assert gd1_latency(1.0, D, 1.0) == md1_latency(1.0, D)


def test_the_pipeline_wins_at_low_rates_and_its_tail_loses_near_saturation() -> None:
    curve = rate_curve((4.0, 12.0, 24.0))
    ratio, tail = curve.mean_s[0] / curve.mean_s[1], curve.p99_s[0] / curve.p99_s[1]
    assert ratio == pytest.approx([1.32, 1.52, 1.12], abs=0.1)
    assert tail[0] > 2
    assert tail[2] < 1
    assert np.abs(curve.formula_s[1] / curve.mean_s[1] - 1).max() < 0.12  # the pipeline is a G/D/1 queue


def test_the_pipeline_wins_where_arrivals_are_bursty(tmp_path: Path) -> None:
    curve = burstiness_curve((0.1, 1.0, 2.0, 4.0))
    ratio = curve.mean_s[0] / curve.mean_s[1]
    assert ratio[1] < 1 < ratio[2]  # the means cross between CV 1 and 2
    assert (np.diff(ratio) > 0).all()
    figure = plot(curve, "coefficient of variation", tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert [panel.get_ylabel() for panel in figure.axes] == ["mean latency (s)", "99th percentile (s)"]
