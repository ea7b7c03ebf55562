"""Attention -> numbers: one idea per file. A measure is written once, over rows of any array library."""
