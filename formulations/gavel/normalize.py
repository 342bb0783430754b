"""The references by which a rate can be normalised, as a named option."""

from __future__ import annotations

import gavelopt as go

CHOICES = (None, "proportional", "best", "isolated")


def reference_rate(view: go.View, normalize: str | None) -> go.FloatArray | float:
    """(J,) the rate to divide by: see gavelopt/model/references.py; 1 for None."""
    if normalize is None:
        return 1.0
    rates = {"proportional": "equal_share_rate", "best": "best_rate", "isolated": "isolated_rate"}
    return getattr(view, rates[normalize])  # type: ignore[no-any-return]
