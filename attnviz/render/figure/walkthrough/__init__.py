"""A walk through one head on pages of paper."""
