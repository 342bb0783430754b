"""Numbers and names as people read them."""

from __future__ import annotations

import pytest

from gavelopt.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1"), (0.1234567, "0.123457"), (1234567.8, "1,234,568"), (-250000, "-250,000"), (1e20, "1e+20")],
)
def test_numbers(value: float, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "·"), (1e-9, "·"), (0.0001, "<.001"), (0.25, "0.250"), (1.0, "1.000"), (1.0 + 1e-9, "1.000")],
)
def test_shares_of_time(value: float, text: str) -> None:
    assert words.share(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0, "·"), (1.0, "1"), (2.5, "2.5"), (12345.00001, "12345")])
def test_tallies(value: float, text: str) -> None:
    assert words.tally(value) == text


def test_seconds_are_also_told_in_the_unit_people_use() -> None:
    assert words.quantity(90.0, "s") == "90 s"
    assert words.quantity(600.0, "s") == "600 s (10 minutes)"
    assert words.quantity(370236.4, "s") == "370,236 s (4.29 days)"
    assert words.quantity(370236.4, "steps/s") == "370,236 steps/s"
    assert words.quantity(2.5, "") == "2.5"


def test_gaps() -> None:
    assert [words.gap(gap) for gap in (None, 0.0, 3.2e-9, 0.0474)] == ["unknown", "0", "3.2e-09", "4.74 %"]


def test_control_characters_cannot_steer_the_terminal() -> None:
    assert words.printable("a\x1b[31mb\nc") == "a\\x1b[31mb\\nc"
    assert words.printable("模型 β") == "模型 β"
    assert words.prose("no room\nfor a\x07b") == "no room\nfor a\\x07b"


def test_counts_agree_with_their_noun() -> None:
    assert [words.count(n, "job") for n in (0, 1, 10_000)] == ["0 jobs", "1 job", "10,000 jobs"]
