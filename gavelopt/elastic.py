"""Elastic jobs: the words of their methods. Speedups of every configuration, power means of them, and the judge's bounds.

go.elastic.Speedups             what every job could be given, and what that is worth to it
go.elastic.mean_of, box_cox     power means for every p, free of overflow
go.elastic.bounds               the relaxations by which the judge bounds a fitness
"""

from __future__ import annotations

from gavelopt.judge import elastic_bounds as bounds
from gavelopt.model.elastic import in_configuration
from gavelopt.model.speedups import Speedups, box_cox, mean_of

__all__ = ["Speedups", "bounds", "box_cox", "in_configuration", "mean_of"]
