"""Records made once, by the real runner, for all tests of benches and reports."""

from __future__ import annotations

from typing import Any

import pytest

from gavelopt.bench.runner import run_all
from gavelopt.bench.suite import Suite, read_suite

SMALL = """
title = "small"
system = "Gavel"
time_limit_s = 20
seeds = [0, 1, 2]

[[case]]
instance = "gavel"
with = { jobs = 8 }
policy = ["max_min", { name = "power_mean", p = -inf }]
method = ["exact", "greedy"]

[[case]]
file = "nowhere/rates.csv"
policy = "max_min"
seeds = [0]

[[case]]
instance = "lecture_trace"
replay = ["fcfs", "srtf"]
seeds = [0]

[[case]]
title = "two-stage query"
figure = "nexus_query_throughput"
with = { alpha = 1.0 }
seeds = [0]
published = { value = 153.8, tolerance = 0.05, source = "the <paper>", differs = "nothing & all" }

[[case]]
instance = "gavel"
with = { jobs = 8 }
policy = "no_such_policy"
seeds = [0]
"""


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """A suite with everything in it: solves, an absent file, replays, a published figure, a mistake."""
    path = tmp_path_factory.mktemp("suites") / "small.toml"
    path.write_text(SMALL)
    return read_suite(path)


@pytest.fixture(scope="session")
def records(small: Suite) -> list[dict[str, Any]]:
    """Its records."""
    return run_all(small.runs)
