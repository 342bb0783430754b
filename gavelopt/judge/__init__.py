"""Is it true? numpy and scipy alone: no solver, no modelling language, nothing of the methods that are judged."""
