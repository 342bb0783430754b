"""Request sources: renewal processes, refits, and the published traces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gavelopt as go


@pytest.mark.parametrize("cv", [0.0, 0.5, 1.0, 4.0])
def test_gamma_arrivals_have_their_rate_and_burstiness(cv: float) -> None:
    times = go.serving.gamma_arrivals(20.0, cv, 4000.0, seed=3)
    assert len(times) / 4000 == pytest.approx(20.0, rel=0.06)
    gaps = np.diff(times)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.05, abs=1e-9)
    assert times[-1] < 4000
    assert (gaps >= 0).all()


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    short, long = go.serving.gamma_arrivals(5.0, 4.0, 50.0, 7), go.serving.gamma_arrivals(5.0, 4.0, 500.0, 7)
    assert np.array_equal(short, long[: len(short)])
    assert not np.array_equal(short, go.serving.gamma_arrivals(5.0, 4.0, 50.0, 8)[: len(short)])


def test_the_first_gap_counts_and_the_generator_is_the_legacy_one() -> None:
    gaps = np.random.RandomState(11).gamma(1 / 16, 16 / 2.0, 5)
    assert go.serving.gamma_arrivals(2.0, 4.0, 1e4, 11)[:5] == pytest.approx(np.cumsum(gaps))
    assert go.serving.uniform_arrivals(4.0, 1.0) == pytest.approx([0.25, 0.5, 0.75])
    assert len(go.serving.poisson_arrivals(0.0, 10.0)) == 0


def test_a_workload_is_merged_in_order() -> None:
    workload = go.serving.gamma_workload([3.0, 1.0], [1.0, 4.0], 100.0, seed=5)
    assert (np.diff(workload.arrival_s) >= 0).all()
    assert np.array_equal(workload.arrival_s[workload.model == 1], go.serving.gamma_arrivals(1.0, 4.0, 100.0, 6))
    rates = go.serving.power_law_rates(64.0, 4, 0.5)
    assert rates.sum() == pytest.approx(64)
    assert rates[3] / rates[0] == pytest.approx(0.5)


def test_trimming_is_by_count() -> None:
    workload = go.Workload(np.linspace(0, 100, 1000), np.zeros(1000, dtype=int)).trimmed(10.0)
    assert workload.counted == (100, 900)
    assert workload.between(0.0, 50.0).counted == (100, 500)
    assert workload.only([1]).counted == (0, 0)


def test_a_fit_finds_the_process_and_a_refit_scales_it() -> None:
    times = go.serving.gamma_arrivals(8.0, 3.0, 4000.0, 1)
    rate, cv = go.serving.fit_gamma(times)
    assert rate == pytest.approx(8.0, rel=0.1)
    assert cv == pytest.approx(3.0, rel=0.1)
    scaled = go.serving.refitted(times, 1000.0, rate_scale=2.0, cv_scale=0.5)
    assert len(scaled) / 4000 == pytest.approx(16.0, rel=0.1)
    gaps = np.diff(scaled)
    assert gaps.std() / gaps.mean() == pytest.approx(1.5, rel=0.1)
    assert go.serving.fit_gamma(np.arange(10.0)) == (1.0, 0.0)
    assert go.serving.fit_gamma(np.arange(10.0), window_s=100.0) == (0.1, 0.0)  # the fit ran away from the count
    with pytest.raises(go.InputError, match="too few"):
        go.serving.fit_gamma(np.array([1.0, 1.0]))


def test_a_few_arrivals_in_a_window_stay_as_they_are() -> None:
    times = np.array([1.0, 2.0, 150.0])
    assert go.serving.refitted(times, 100.0).tolist() == times.tolist()


def test_counts_become_arrivals_window_by_window() -> None:
    counts = [600.0, 0.0, 1200.0]
    times = go.serving.from_counts(counts, 60.0, rate_scale=0.5, cv=1.0)
    made = np.histogram(times, bins=[0, 60, 120, 180])[0]
    assert made[1] == 0
    assert made[0] == pytest.approx(300, rel=0.2)
    assert made[2] == pytest.approx(600, rel=0.2)
    streams = go.serving.dealt([np.array([3.0]), np.array([2.0]), np.array([1.0])], 2)
    assert [stream.tolist() for stream in streams] == [[1.0, 3.0], [2.0]]


def test_workloads_refuse_nonsense() -> None:
    with pytest.raises(go.InputError, match="order"):
        go.Workload([2.0, 1.0], [0, 0])
    with pytest.raises(go.InputError, match="one position a request"):
        go.Workload([1.0, 2.0], [0.5, 1.0])
    with pytest.raises(go.InputError, match="counted"):
        go.Workload([1.0], [0], (0, 2))
    with pytest.raises(go.InputError, match="arrival_s"):
        go.Workload([-1.0], [0])
    with pytest.raises(go.InputError, match="rate and cv"):
        go.serving.gamma_arrivals(-1.0, 1.0, 10.0)


def test_the_azure_trace(shared_data: Path) -> None:
    trace = go.read_requests(shared_data / "azure_llm_2023" / "AzureLLMInferenceTrace_code.csv")
    assert len(trace) == 8819
    assert trace.cv == pytest.approx(13.2, abs=0.1)
    assert trace.prompt_tokens is not None
    assert trace.prompt_tokens.mean() == pytest.approx(2048, abs=1)
    dealt = trace.dealt_workload(24, exponent=0.5, seed=1)
    shares = dealt.per_model(24) / len(dealt)
    assert shares == pytest.approx(go.serving.power_law_rates(1.0, 24), abs=0.02)
    assert trace.dealt_workload(4).per_model(4).tolist() == [2205, 2205, 2205, 2204]


def test_the_mooncake_trace(shared_data: Path) -> None:
    trace = go.read_requests(shared_data / "mooncake" / "conversation_trace.jsonl")
    assert len(trace) == 12031
    assert trace.rate_rps == pytest.approx(3.40, abs=0.01)
    assert trace.output_tokens is not None
    assert trace.output_tokens.mean() == pytest.approx(343, abs=1)


def test_the_diffusion_trace(shared_data: Path) -> None:
    trace = go.read_requests(shared_data / "alibaba_genai_v2026" / "lora_request_trace.csv")
    assert trace.service_s is not None
    assert np.median(trace.service_s) == pytest.approx(23, abs=1)
    top = [model for model, _ in trace.popularity[:10]]
    workload = trace.workload(top)
    assert len(workload) / len(trace) == pytest.approx(0.87, abs=0.01)
    assert workload.per_model(10)[0] == trace.popularity[0][1]
    day = trace.workload(top[:2], window_s=86_400.0, rate_scale=3.0)
    # a day's rate is fitted between its first and last request and then runs all day, so more than three times as many
    assert 3 <= len(day) / len(trace.workload(top[:2])) < 5


def test_files_of_requests_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(go.InputError, match="no known request format"):
        go.read_requests(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("t_s,model\nsoon,m0\n")
    with pytest.raises(go.InputError, match="t_s must be a number"):
        go.read_requests(tmp_path / "b.csv")
    with pytest.raises(go.InputError, match="no such file"):
        go.read_requests(tmp_path / "c.csv")
    (tmp_path / "d.csv").write_text("t_s,model\n2,m1\n1,m0\n")
    trace = go.read_requests(tmp_path / "d.csv")
    assert trace.arrival_s.tolist() == [1.0, 2.0]
    assert trace.workload(["m0", "m1"]).model.tolist() == [0, 1]
    nameless = go.RequestTrace(np.array([0.0, 1.0]))
    with pytest.raises(go.InputError, match="which model"):
        nameless.workload(["m0"])
