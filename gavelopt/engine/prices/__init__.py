"""The price-directed engine: capacity prices instead of a program. Begin at ``fast``; ``market`` has the mathematics."""
