"""The built-in transformer: layers as pure functions over arrays, tokenizer, weights, training."""
