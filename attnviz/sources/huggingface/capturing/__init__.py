"""A model run again: rows of weights, each held to everything that is known of them, and what is kept."""
