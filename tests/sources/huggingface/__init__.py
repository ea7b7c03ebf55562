"""Tests of `attnviz.sources.huggingface`, room by room."""
