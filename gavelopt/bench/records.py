"""Records: one JSON object a line, appended as runs end, so that an interrupted suite is taken up where it stopped."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gavelopt.errors import InputError

FORMAT = "gavelopt-record/1"


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records of a file (.jsonl, or packed .jsonl.gz), the last of each key. A last line that was cut short is left out.

    Raises:
        InputError: no such file, or a line that is no record.
    """
    if not path.is_file():
        raise InputError("no such file of records", where=str(path), fix="gavelopt bench --out FOLDER writes one")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = content.decode("utf-8").split("\n")
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines[:-1], 1):
        try:
            row = json.loads(line)
            if row["format"] != FORMAT:
                raise KeyError(row["format"])
            found[row["key"]] = row
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError("no record", where=f"{path}:{number}", seen=line[:80]) from error
    return list(found.values())


def append(path: Path, record: dict[str, Any]) -> None:
    """Write one record at the end, after whatever whole lines stand there."""
    with path.open("a+b") as file:
        if file.tell() > 0:
            file.seek(-1, 2)
            whole = file.read(1) == b"\n"
            if not whole:
                file.write(b"\n")
        file.write(json.dumps(record).encode() + b"\n")


def mend(path: Path) -> None:
    """Drop a last line that an interruption cut short."""
    if path.is_file():
        text = path.read_bytes()
        if text and not text.endswith(b"\n"):
            path.write_bytes(text[: text.rfind(b"\n") + 1])


def keys(records: Iterable[dict[str, Any]]) -> set[str]:
    """The keys of records that stand: all but those whose data file was absent or whose process crashed."""
    return {record["key"] for record in records if record["status"] != "absent" and not record.get("crashed")}
