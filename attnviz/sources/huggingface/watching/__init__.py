"""A model watched once, unchanged: which call is which layer of which block."""
