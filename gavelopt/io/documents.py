"""From a file to text, and from text to a JSON document: plain or gzip, UTF-8 with or without a mark, strictly JSON.

Refused with the place named: a file that ends in the middle, a key that stands twice in one object (Python would keep
the last and drop the other silently), and NaN or Infinity, which are no JSON.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gavelopt.errors import InputError, did_you_mean

GZIP_MAGIC = b"\x1f\x8b"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|(?P<constant>-?(?:Infinity|NaN))')


def ending(path: Path) -> str:
    """The ending that names the format, without ``.gz``: ``x.csv.gz`` -> ``.csv``."""
    return (path.with_suffix("") if path.suffix.casefold() == ".gz" else path).suffix.casefold()


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Errors raised inside name the file, unless they already do."""
    try:
        yield
    except InputError as error:
        if (error.where or "").startswith(str(path)):
            raise
        raise error.at(str(path)) from error.__cause__


def refuse_no_file(path: Path) -> None:
    """Raise InputError where there is no file, with the closest name in the folder, or a folder instead."""
    if path.is_dir():
        raise InputError("this is a folder, not a file", where=str(path))
    if not path.exists():
        beside = sorted(found.name for found in path.parent.iterdir()) if path.parent.is_dir() else []
        raise InputError("no such file", where=str(path), fix=did_you_mean(path.name, beside))


def read_bytes(path: Path) -> bytes:
    """The file's content, unpacked if it is gzip (by its first bytes, whatever it is called).

    Raises:
        InputError: no such file, a folder, no permission, a damaged gzip file.
    """
    refuse_no_file(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("cannot read the file", where=str(path), seen=error.strerror) from error
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError("the gzip file is damaged or incomplete", where=str(path), seen=str(error)) from error


def read_text(path: Path) -> str:
    """The file's text, without a byte-order mark. Raises InputError for an unreadable file or text that is not UTF-8."""
    content = read_bytes(path)
    if not content.strip():
        raise InputError("the file is empty", where=str(path))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf16 = content.startswith(UTF16_MARKS)
        raise InputError(
            "the file is not UTF-8 text",
            where=f"{path}, byte {error.start + 1}",
            seen="UTF-16 text" if utf16 else f"byte 0x{content[error.start]:02x}",
            fix="save it as UTF-8",
        ) from error


def read_json(path: Path) -> Any:
    """The JSON document in a file. Raises InputError naming file, line and column."""
    text = read_text(path)
    repeated: list[tuple[dict[str, Any], str]] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            repeated.append((found, next(name for name in names if names.count(name) > 1)))
        return found

    def constant(_: str) -> Any:
        raise _no_json_number(path, text)

    try:
        document = json.loads(text, object_pairs_hook=unique, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise _syntax(path, text, error) from error
    except RecursionError:
        raise InputError("the JSON is nested too deeply", where=str(path)) from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError("a number in the JSON has too many digits", where=str(path), seen=str(error)) from error
    if repeated:
        holder, name = repeated[-1]  # objects close from the inside out: the last one is reachable from the top
        place = next(where for where, found in _objects(document) if found is holder)
        raise InputError(
            f"the key {name!r} stands twice in one object",
            where=f"{path}, {place or 'top level'}",
            rule="every key of an object has a name of its own",
            fix="rename or remove one of them",
        )
    return document


def _objects(document: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object of a document with its path."""
    waiting = [(where, document)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            yield place, value
            waiting += [(f"{place}.{name}" if place else name, item) for name, item in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{place}[{at}]", item) for at, item in enumerate(value)]


def _syntax(path: Path, text: str, error: json.JSONDecodeError) -> InputError:
    cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
    line = text.splitlines()[error.lineno - 1].strip() if text.splitlines()[error.lineno - 1 :] else ""
    return InputError(
        "the file ends in the middle of the JSON" if cut else f"invalid JSON: {error.msg}",
        where=f"{path}, line {error.lineno}, column {error.colno}",
        seen=line[:80] or None,
        fix="is the file complete?" if cut else None,
    )


def _no_json_number(path: Path, text: str) -> InputError:
    found = next(match for match in _TOKEN.finditer(text) if match["constant"])
    line = text.count("\n", 0, found.start()) + 1
    column = found.start() - text.rfind("\n", 0, found.start())
    return InputError(
        f"{found['constant']} is not a JSON number",
        where=f"{path}, line {line}, column {column}",
        rule="finite numbers only",
        fix="leave an unknown rate out; use null for an unknown steps or deadline_s",
    )
