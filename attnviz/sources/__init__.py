"""Run a network: text -> tokens -> the record. The only room that does."""
