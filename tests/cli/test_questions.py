"""explain and what-if."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_explain_says_why(run: Run, classic: Path) -> None:
    done = run("explain", classic, "--policy", "max_sum", "--job", "a", "-j", "b")
    assert done.exit_code == 0
    assert "a gets 100 % of its time on v100" in done.stdout
    assert "b gets" in done.stdout


def test_explain_as_json(run: Run, classic: Path) -> None:
    done = run("explain", classic, "-p", "max_sum", "--job", "a", "--json")
    assert list(json.loads(done.stdout)) == ["a"]
    assert "a gets" in done.stderr


def test_what_one_more_changes(run: Run, classic: Path) -> None:
    """a takes one v100, b the other, c the k80: 4 + 3 + 2."""
    done = run("what-if", classic, "-p", "max_sum", "--add", "v100=1", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["before"], found["after"], found["change"]) == pytest.approx((6.0, 9.0, 3.0))


def test_a_frontier(run: Run, classic: Path) -> None:
    done = run("what-if", classic, "-p", "max_sum", "--count", "v100=0:3:1.5", "--json")
    points = json.loads(done.stdout)["points"]
    assert [point["count"] for point in points] == [0.0, 1.5, 3.0]
    assert [point["value"] for point in points] == pytest.approx([2.0, 7.5, 9.0])
    assert points[0]["price"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "needs one of --add and --count"),
        (("--add", "v100=1", "--count", "v100=0:1"), "needs one of --add and --count"),
        (("--add", "v100"), "cannot read --add"),
        (("--add", "v100=one"), "cannot read --add"),
        (("--add", "v1000=1"), "did you mean"),
        (("--add", "v100=-2"), "out of range"),
        (("--count", "v100=3"), "cannot read --count"),
        (("--count", "v100=3:1"), "--count out of range"),
    ],
)
def test_mistakes_are_bad_input(run: Run, classic: Path, given: tuple[str, ...], words: str) -> None:
    done = run("what-if", classic, *given)
    assert done.exit_code == 2
    assert words in done.stderr
