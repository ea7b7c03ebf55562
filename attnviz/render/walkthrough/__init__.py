"""A walk through one head as a story: pages of text, shapes, tables and formulas, whatever shows them."""
