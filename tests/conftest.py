"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets; GAVELOPT_SHARED_DATA names another. Tests that need it skip where it is absent."""
    folder = Path(os.environ.get("GAVELOPT_SHARED_DATA", BESIDE))
    if not folder.is_dir():
        pytest.skip(f"the data sets are not at {folder} (GAVELOPT_SHARED_DATA names another place)")
    return folder
