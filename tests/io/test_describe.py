"""The report on a table: zeros, gaps, inversions and odd gangs, each where it is."""

from __future__ import annotations

import json

import numpy as np

import gavelopt as go
from gavelopt.io.describe import describe_table
from gavelopt.labels import Labels

PROFILES = go.ThroughputProfiles(
    [("A", 1), ("A", 2), ("B", 1)],
    Labels(["v100", "k80"], "accelerator"),
    np.array([[4.0, 1.0], [3.0, np.nan], [2.0, 5.0]]),
    source="made up",
)


def test_findings_of_profiles() -> None:
    report = describe_table(PROFILES)
    assert report.zeros == ()
    assert report.unknown == (("A x2", "k80"),)
    assert report.order == ("k80", "v100")
    assert report.inversions == (("B", "v100", "k80"),)
    assert report.shrinking == (("A", "v100", 1, 2),)
    assert report.lines() == [
        "3 measured key(s) x 2 accelerator(s): v100, k80, steps/s",
        "made up",
        "oldest to newest: k80, v100",
        "1 rate(s) are unknown: A x2 on k80",
        "1 of 3 measured key(s) run slower on a newer accelerator: B on v100 than on k80",
        "1 larger gang(s) are slower than smaller ones: A on v100, 2 below 1",
    ]
    assert json.loads(json.dumps(report.to_dict()))["shrinking_gangs"] == [["A", "v100", 1, 2]]


def test_the_order_may_be_given() -> None:
    assert describe_table(PROFILES, order=["v100", "k80"]).inversions == (("A", "k80", "v100"),)
    assert describe_table(PROFILES, order=[]).inversions == ()


def test_rows_that_many_jobs_follow_count_once() -> None:
    jobs = go.JobSet(5, workload=["A", "B", "A", "B", "B"])
    kept, table, _ = PROFILES.for_jobs(jobs, ["v100", "k80"])
    report = describe_table(go.Instance(go.Cluster({"v100": 1, "k80": 1}), kept, table))
    assert (report.rows, report.noun, report.inversions) == (2, "measured key", (("B", "v100", "k80"),))
    assert describe_table(table).noun == "kind of job"


def test_rows_of_a_plain_table_are_jobs() -> None:
    report = describe_table(go.Instance.from_arrays([[0.0, 2.0]], [1, 1], jobs=["j"], accelerators=["x", "y"]))
    assert (report.noun, report.zeros, report.order) == ("job", (("j", "x"),), ())
    assert describe_table(go.examples.tiny()).oddities() == []
