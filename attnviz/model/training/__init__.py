"""Making a model from text: what it learns from, the loop that learns, what is measured afterwards."""
