"""Texts that people read are kept in files and compared whole; GAVELOPT_UPDATE_SNAPSHOTS=1 writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"


def matches(name: str, text: str) -> None:
    """Assert that ``text`` is what snapshots/NAME.txt holds."""
    file = FOLDER / f"{name}.txt"
    if os.environ.get("GAVELOPT_UPDATE_SNAPSHOTS"):
        file.write_text(text + "\n", encoding="utf-8")
    assert file.is_file(), f"no snapshot {file.name}: run once with GAVELOPT_UPDATE_SNAPSHOTS=1 and read what it wrote"
    assert text + "\n" == file.read_text(encoding="utf-8")
