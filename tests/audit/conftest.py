"""Texts are compared at one width, whatever the terminal."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which no sentence of these tests is broken."""
    monkeypatch.setenv("COLUMNS", "160")
