"""The command line. ``main`` is the entry point of the script ``gavelopt``."""

from gavelopt.cli.app import app, main

__all__ = ["app", "main"]
