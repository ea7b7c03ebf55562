"""One head at one query, step by step: the numbers behind a row of weights, and what becomes of it."""
