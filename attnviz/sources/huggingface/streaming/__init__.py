"""Long inputs: what a pass hands on without keeping it."""
