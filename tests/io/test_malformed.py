"""Every wrong input gives one InputError that names the place, and its text is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from gavelopt.errors import InputError
from tests.io import snapshot
from tests.io.malformed import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_clear_error(case: Case, tmp_path: Path) -> None:
    for name, content in case.files.items():
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError) as caught:
        case.call(tmp_path)
    snapshot.matches(case.name, str(caught.value).replace(str(tmp_path), "FOLDER"))


def test_cases_have_names_of_their_own() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 30
    assert {file.stem for file in snapshot.FOLDER.glob("*.txt")} == set(names)
