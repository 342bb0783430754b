"""Over time: rounds, training traces, request serving."""
