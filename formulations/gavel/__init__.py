"""Gavel (Narayanan et al., OSDI 2020): heterogeneity-aware cluster scheduling policies."""
