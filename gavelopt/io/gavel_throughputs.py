"""Gavel's throughput files (and Shockwave's, of the same form) as profiles.

    {"v100": {"('ResNet-50 (batch size 16)', 2)": {"null": 21.0,
                                                  "('A3C', 2)": [10.1, 4.2]}, ...}, "v100_unconsolidated": {...}}

First level: worker types; the suffix ``_unconsolidated`` stands for gangs spread over servers. Second: the text of a
Python tuple (job type, scale factor); the oracle file has the bare job type, at scale factor 1. Third: ``null`` alone, or
the key of a partner and the rates of both when they share the accelerators. Steps (minibatches) per second of the whole
gang. Not every type measures every key: what is absent stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.io.documents import named, read_json
from gavelopt.io.fields import Fields, finite_number, wrong_type
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray
from gavelopt.model.profiles import Key, ThroughputProfiles

SPREAD = "_unconsolidated"
ALONE = "null"
_KEY = re.compile(r"\(\s*(['\"])(?P<workload>.+)\1\s*,\s*(?P<scale>\d+)\s*\)")
Cells = dict[tuple[Key, Key], dict[str, tuple[float, float]]]


def looks_like_throughputs(document: object) -> bool:
    """Whether a parsed document has the three levels, with some rate measured alone."""
    if not isinstance(document, Mapping) or not document or "format" in document:
        return False
    return any(
        isinstance(rows, Mapping) and any(isinstance(row, Mapping) and ALONE in row for row in rows.values())
        for rows in document.values()
    )


def read_gavel_throughputs(path: str | Path, *, unconsolidated: bool = False) -> ThroughputProfiles:
    """Profiles from a Gavel throughput JSON.

    Args:
        path: simulation_throughputs.json, physical_cluster_throughputs.json, oracle_throughputs.json, ...; or .json.gz.
        unconsolidated: also read the types whose gangs are spread over servers, as types of their own
            (``v100_unconsolidated``). Gavel's policies and simulator use the consolidated ones only.

    Raises:
        InputError: a key that is no (job type, scale factor), a rate that is no number >= 0; the path is named.
    """
    file = Path(path)
    with named(file):
        return profiles_of(read_json(file), file.name, unconsolidated=unconsolidated)


def profiles_of(document: Any, source: str, *, unconsolidated: bool = False) -> ThroughputProfiles:
    """Profiles from a parsed document of Gavel's form."""
    types = [name for name in Fields(document).document if unconsolidated or not name.endswith(SPREAD)]
    alone: dict[Key, dict[str, float]] = {}
    together: Cells = {}
    for accelerator in types:
        for text, row in Fields(document[accelerator], accelerator).document.items():
            key = _key(text, accelerator)
            for partner, value in Fields(row, f"{accelerator}.{text}").document.items():
                place = f"{accelerator}.{text}.{partner}"
                if partner == ALONE:
                    alone.setdefault(key, {})[accelerator] = finite_number(value, place, minimum=0)
                else:
                    together.setdefault((key, _key(partner, place)), {})[accelerator] = _both(value, place)
    if not alone:
        raise InputError("no rate is measured alone", rule=f'every job type has a rate under "{ALONE}"')
    rates = np.array([[row.get(name, np.nan) for name in types] for row in alone.values()])
    pairs, notes = _unordered(together, types)
    return ThroughputProfiles(list(alone), Labels(types, "accelerator"), rates, "steps/s", source, pairs, notes)


def _key(text: str, place: str) -> Key:
    found = _KEY.fullmatch(text.strip())
    if found:
        scale = int(found["scale"])
        if scale < 1:
            raise InputError("scale factor out of range", where=f"{place}.{text}", seen=scale, rule=">= 1")
        return found["workload"], scale
    if text.strip().startswith("("):
        raise InputError(
            "the key is no (job type, scale factor)",
            where=place,
            seen=repr(text),
            rule="('ResNet-50 (batch size 16)', 2), or a bare job type",
        )
    return text, 1


def _both(value: Any, place: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise wrong_type(place, value, "a list of two rates")
    first, second = (finite_number(rate, f"{place}[{side}]", minimum=0) for side, rate in enumerate(value))
    return first, second


def _unordered(together: Cells, types: list[str]) -> tuple[dict[tuple[Key, Key], FloatArray], tuple[str, ...]]:
    """Each unordered pair once, as first met; the file states a pair from both sides, and a note says where they differ."""
    pairs: dict[tuple[Key, Key], FloatArray] = {}
    differing = 0
    for (one, other), cells in together.items():
        if (other, one) in pairs and one != other:
            mirrored = pairs[other, one][:, ::-1]
            rates = _per_type(cells, types)
            differing += not np.array_equal(mirrored, rates, equal_nan=True)
            pairs[other, one] = np.where(np.isnan(mirrored), rates, mirrored)[:, ::-1]
        else:
            pairs[one, other] = _per_type(cells, types)
    note = f"{differing} pair(s) are measured differently from their two sides; the first one in the file was taken"
    return pairs, (note,) if differing else ()


def _per_type(cells: Mapping[str, tuple[float, float]], types: list[str]) -> FloatArray:
    """(R, 2) rates of both members on each type, NaN where the pair was not measured."""
    return np.array([cells.get(name, (np.nan, np.nan)) for name in types], dtype=np.float64).reshape(len(types), 2)
