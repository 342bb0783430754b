"""Formats in and out: native JSON, tables, Gavel's files, solutions."""

from gavelopt.io.describe import TableReport, describe_table
from gavelopt.io.gavel_throughputs import read_gavel_throughputs
from gavelopt.io.gavel_traces import GavelTrace, parse_gavel_trace, read_gavel_trace
from gavelopt.io.results import save_solution, solution_dict
from gavelopt.io.sources import cluster_from, jobs_from, profiles_from
from gavelopt.io.tables import instance_from_frame, profiles_from_frame
from gavelopt.io.write import instance_document, write_instance

__all__ = [
    "GavelTrace",
    "TableReport",
    "cluster_from",
    "describe_table",
    "instance_document",
    "instance_from_frame",
    "jobs_from",
    "parse_gavel_trace",
    "profiles_from",
    "profiles_from_frame",
    "read_gavel_throughputs",
    "read_gavel_trace",
    "save_solution",
    "solution_dict",
    "write_instance",
]
