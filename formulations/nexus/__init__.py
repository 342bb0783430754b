"""Nexus: squishy bin packing of model sessions onto GPUs, and the split of a query's latency over its models."""
