"""Classic schedulers: queue disciplines for whole gangs. Each file: the rule, and its declaration."""
