"""Heads, texts and models held against each other."""
