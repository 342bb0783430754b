"""AlpaServe: which models on which groups of devices, each group split how (Li et al., OSDI 2023)."""
