"""A model run again with something changed: heads closed, or backwards from its answer."""
