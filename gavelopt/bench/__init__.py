"""Benchmarks: declarative suites, every run in a process of its own, records, paired statistics."""
