"""The kinds of instance beside ``training``: where their reader and writer live, bound when such a one is met."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from gavelopt.errors import InputError, UnknownName

# kind: (reader of (document, path), writer of the instance's document)
MODULES = {
    "packing": ("gavelopt.io.packing:read_packing", "gavelopt.io.packing:packing_document"),
    "placement": ("gavelopt.io.placement:read_placement", "gavelopt.io.placement:placement_document"),
    "elastic_trace": (
        "gavelopt.io.elastic_traces:read_elastic_trace",
        "gavelopt.io.elastic_traces:elastic_trace_document",
    ),
    "elastic": ("gavelopt.io.elastic:read_elastic", "gavelopt.io.elastic:elastic_document"),
}
KINDS = ("training", *MODULES)


def reader_of(kind: str) -> Callable[..., Any]:
    """The function (document, path) -> instance of a kind."""
    return _bound(kind, 0)


def writer_of(kind: str) -> Callable[..., Any]:
    """The function instance -> document of a kind."""
    return _bound(kind, 1)


def _bound(kind: str, which: int) -> Callable[..., Any]:
    if kind not in MODULES:
        raise UnknownName.among("kind of instance", kind, KINDS)
    module, _, name = MODULES[kind][which].partition(":")
    if find_spec(module) is None:
        raise InputError(f"this gavelopt has no file format for instances of kind {kind!r}", rule="training")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
