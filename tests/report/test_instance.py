"""What an instance holds: the figures and the text."""

from __future__ import annotations

import numpy as np

import gavelopt as go
from gavelopt.report.instance import instance_summary, instance_view
from gavelopt.report.layout import plain


def sample() -> go.Instance:
    return go.Instance.from_arrays(
        [[2.0, 5.0], [4.0, 0.0], [1.0, np.nan]],
        [4, 2],
        scale=[1, 2, 1],
        weight=[1.0, 5.0, 1.0],
        steps=[10.0, 20.0, np.nan],
        accelerators=["v100", "k80"],
        cost_per_hour=[2.48, np.nan],
        workload=["LM", "LM", "A3C"],
        deadline_s=[60.0, np.nan, np.nan],
        source="made up",
    )


def test_the_summary_counts() -> None:
    summary = instance_summary(sample())
    assert summary["jobs"] == {
        "count": 3,
        "workloads": 2,
        "scale_factors": {"1": 2, "2": 1},
        "accelerators_wanted": 4,
        "weight": [1.0, 5.0],
        "steps": [10.0, 20.0],
        "deadlines": 1,
    }
    v100, k80 = summary["accelerators"]
    assert (v100["fastest_for"], v100["cannot_run"], v100["unknown"], v100["cost_per_hour"]) == (2, 0, 0, 2.48)
    assert (k80["fastest_for"], k80["cannot_run"], k80["unknown"], k80["cost_per_hour"]) == (1, 1, 1, None)
    assert summary["throughputs"] == {"unit": "steps/s", "source": "made up", "rows": 3, "pairs": 0}
    assert any("no known rate" in warning for warning in summary["warnings"])


def test_the_text_shows_only_columns_that_somebody_filled() -> None:
    text = plain(instance_view(sample()), 90)
    assert "cost/h" in text
    assert "GiB" not in text
    assert "3 of 2 workloads; together they hold 4 accelerators" in text
    assert "2 x 1, 1 x 2" in text


def test_no_jobs() -> None:
    text = plain(instance_view(go.Instance.from_arrays(np.zeros((0, 1)), [1])), 80)
    assert "0; together they hold 0 accelerators" in text


def test_other_kinds_say_what_they_are() -> None:
    class Packing:
        kind, name, warnings = "packing", "nexus", ("slow",)

        def __repr__(self) -> str:
            return "PackingInstance(3 sessions)"

    assert instance_summary(Packing()) == {  # type: ignore[arg-type]
        "kind": "packing",
        "name": "nexus",
        "description": "PackingInstance(3 sessions)",
        "warnings": ["slow"],
    }
