"""Published small cases of Nexus: the paper's three sessions, the lecture's single model, the two-stage query of its table.

Latencies of the worked example: Shen et al., Nexus, SOSP 2019, section 6.1 (Table 2).  The query: section 6.2; model X
before model Y, alpha requests of Y for each of X, 100 ms in all. Given are throughputs at 40, 50 and 60 ms (X 200, 250, 300
and Y 300, 400, 500 req/s); batches are whole numbers here because all times are taken ten times as long.
"""

from __future__ import annotations

import gavelopt as go

SESSIONS: dict[str, tuple[dict[int, float], float]] = {
    "A": ({4: 50, 8: 75, 16: 100}, 200),
    "B": ({4: 50, 8: 90, 16: 125}, 250),
    "C": ({4: 60, 8: 95, 16: 125}, 250),
}
THROUGHPUT = {"X": {400: 200.0, 500: 250.0, 600: 300.0}, "Y": {400: 300.0, 500: 400.0, 600: 500.0}}  # by ms
OBJECTIVE_MS = 1000.0


def published_instance(case: str = "paper") -> go.PackingInstance:
    """``paper``: residual rates 64, 32, 32 req/s of A, B, C; ``lecture``: 1100 req/s of one model, 128 ms for 16."""
    if case == "paper":
        profiles = [go.BatchProfile.from_ms(name, "gpu", table) for name, (table, _) in SESSIONS.items()]
        slo = [objective for _, objective in SESSIONS.values()]
        return _instance(profiles, go.SessionSet("ABC", model="ABC", rate_rps=[64, 32, 32], slo_ms=slo), case)
    if case == "lecture":
        profile = go.BatchProfile.from_ms("m", "gpu", {16: 128})
        return _instance([profile], go.SessionSet(["s"], model=["m"], rate_rps=[1100], slo_ms=[256]), case)
    raise go.UnknownName.among("published case", case, ("paper", "lecture"))


def query_throughput(alpha: float, x_ms: int | None = None) -> float:
    """Requests a second that one GPU carries of the two-stage query, at the best split or with ``x_ms`` (of 100) for X."""
    tables = {model: dict(table) for model, table in THROUGHPUT.items()}
    if x_ms is not None:
        tables = {"X": {10 * x_ms: tables["X"][10 * x_ms]}, "Y": {1000 - 10 * x_ms: tables["Y"][1000 - 10 * x_ms]}}
    profiles = [
        go.BatchProfile.from_ms(model, "gpu", {round(rate * ms / 1000): ms for ms, rate in table.items()})
        for model, table in tables.items()
    ]
    query = go.Query("q", 1.0, OBJECTIVE_MS, [go.Stage("x", "X", 1.0), go.Stage("y", "Y", alpha, ("x",))])
    none = go.SessionSet(0, model=(), rate_rps=(), slo_ms=())
    instance = go.PackingInstance((go.GpuType("gpu"),), tuple(profiles), none, (query,))
    answer = go.solve(instance, "latency_split", factor=1)
    assert answer.value is not None, answer.message
    return 1.0 / answer.value


def _instance(profiles: list[go.BatchProfile], sessions: go.SessionSet, name: str) -> go.PackingInstance:
    return go.PackingInstance((go.GpuType("gpu"),), tuple(profiles), sessions, name=f"published: {name}")
