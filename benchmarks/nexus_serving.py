"""Packed GPUs served over time: drop policies, contents that vary, CPU work, and the simulator's own speed.

    python benchmarks/nexus_serving.py [requests]

drops      one model, SLO 100 ms, 25 requests in 50 ms (ideal 500 req/s), alpha the share of a batch's time that grows with it:
           the highest rate with at most 1 % of the requests late or dropped
contents   ten models, objectives of 150 to 1500 ms; a request takes 0.04 to 1 times the heaviest (as 10 to 250 ms do), a batch
           as long as its heaviest member. The profile is planned at the mean content, at a quantile, and at the worst
CPU        3 ms before and 1 ms after every request: beside the GPU, or with the GPU waiting
"""

from __future__ import annotations

import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.nexus.families import random_instance
from formulations.nexus.repository import slower

GPU = (go.GpuType("gpu"),)
BAD = 0.01


def one_model(alpha: float) -> tuple[go.PackingInstance, go.PackingPlan]:
    """The model of the drop table and its plan."""
    profile = go.BatchProfile.from_ms("m", "gpu", {b: alpha * b + 50 - 25 * alpha for b in range(1, 33)})
    instance = go.PackingInstance(GPU, [profile], go.SessionSet(["s"], model=["m"], rate_rps=[500], slo_ms=[100]))
    return instance, go.PackingPlan(instance, [go.packing.DutyCycle(0, 50_000, (0,), (25,))])


def good_rate(alpha: float, drop: str, arrivals: str, requests: int) -> float:
    """The highest rate that stays good, by bisection."""
    instance, plan = one_model(alpha)
    low, high = 200.0, 520.0
    while high - low > 1:
        rate = (low + high) / 2
        duration = requests / rate
        times = (
            go.serving.uniform_arrivals(rate, duration)
            if arrivals == "uniform"
            else go.serving.poisson_arrivals(rate, duration, 0)
        )
        fine = go.packing.serve_packing(instance, plan, {"s": times}, drop=drop).attainment >= 1 - BAD
        low, high = (rate, high) if fine else (low, rate)
    return low


def drops(requests: int) -> Table:
    """Lazy against early drop."""
    table = Table(title=f"good requests a second, {requests:,} arrivals")
    for column in ("alpha", "uniform, lazy", "uniform, early", "Poisson, lazy", "Poisson, early", "gain"):
        table.add_column(column, justify="right")
    for alpha in (1.0, 1.2, 1.4, 1.6, 1.8):
        rate = [good_rate(alpha, d, a, requests) for a in ("uniform", "poisson") for d in ("lazy", "early")]
        table.add_row(f"{alpha:g}", *(f"{r:.0f}" for r in rate), f"{rate[3] / rate[2]:.2f}")
    return table


def contents(duration: float = 60.0) -> Table:
    """Planning by mean, quantiles and the worst content."""
    rng = np.random.default_rng(0)
    weight = np.clip(rng.lognormal(-2.0, 0.6, 100_000), 0.04, 1.0)
    weight /= weight.mean()
    table = Table(title="contents that vary: planned at ...")
    for column in ("content", "times the mean", "GPUs", "good %", "late %", "dropped %"):
        table.add_column(column, justify="right")
    instance = random_instance(10, "residual", 0)
    instance = instance.replace(sessions=instance.sessions.replace(slo_ms=3 * instance.sessions.slo_ms))
    sessions = zip(instance.sessions.names, instance.sessions.rate_rps, strict=True)
    arrivals = {name: go.serving.poisson_arrivals(rate, duration, seed=k) for k, (name, rate) in enumerate(sessions)}
    content = {name: rng.choice(weight, len(times)) for name, times in arrivals.items()}
    for name, quantile in (("mean", None), ("75 %", 0.75), ("90 %", 0.9), ("99 %", 0.99), ("worst", 1.0)):
        careful = 1.0 if quantile is None else float(np.quantile(weight, quantile))
        plan = go.solve(slower(instance, careful), "squishy").plan
        if plan is None:
            table.add_row(name, f"{careful:.2f}", "no plan keeps the objectives", "", "", "")
            continue
        report = go.packing.serve_packing(instance, plan, arrivals, content=content, batch_of="heaviest")
        count = len(report.session)
        parts = (report.attainment, report.late / count, report.dropped / count)
        table.add_row(name, f"{careful:.2f}", str(plan.gpus), *(f"{100 * part:.2f}" for part in parts))
    return table


def processors() -> Table:
    """CPU work beside the GPU, or not."""
    profile = go.BatchProfile("m", "gpu", [1, 8, 16], [6000, 20_000, 35_000], preprocess_us=3000, postprocess_us=1000)
    table = Table(title="CPU work of 4 ms a request, SLO 120 ms, 400 req/s planned")
    for column in ("CPU", "good %"):
        table.add_column(column, justify="right")
    instance = go.PackingInstance(GPU, [profile], go.SessionSet(["s"], model=["m"], rate_rps=[400], slo_ms=[120]))
    plan, arrivals = go.solve(instance, "squishy").plan, {"s": go.serving.poisson_arrivals(400, 60, seed=0)}
    for name, overlap, cores in (
        ("beside the GPU", True, 1),
        ("GPU waits, 4 cores", False, 4),
        ("GPU waits, 1 core", False, 1),
    ):
        report = go.packing.serve_packing(instance, plan, arrivals, overlap=overlap, cpu_cores=cores)
        table.add_row(name, f"{100 * report.attainment:.2f}")
    return table


def speed(requests: int) -> str:
    """Requests simulated a second, in all and in the compiled loop's best case."""
    instance = random_instance(100, "low", 0)
    plan = go.solve(instance, "squishy", method="knapsack").plan
    duration = 20 * requests / float(instance.sessions.rate_rps.sum())
    sessions = zip(instance.sessions.names, instance.sessions.rate_rps, strict=True)
    arrivals = {name: go.serving.poisson_arrivals(rate, duration, seed=k) for k, (name, rate) in enumerate(sessions)}
    began = time.perf_counter()
    report = go.packing.serve_packing(instance, plan, arrivals)
    took = time.perf_counter() - began
    count = len(report.session)
    return f"{count:,} requests on {plan.gpus} GPUs in {took:.2f} s: {count / took / 1e6:.1f} million a second"


def main(requests: int) -> None:
    """Print the three tables and the speed."""
    console = Console(width=120)
    for table in (drops(requests), contents(), processors()):
        console.print(table)
    console.print(speed(requests))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60_000)
