"""Scheduling policies written as declarative optimization problems, one family of systems a folder."""
