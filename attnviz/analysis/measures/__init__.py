"""Numbers of rows of weights: one idea per file, each over a block of rows of any array library."""
