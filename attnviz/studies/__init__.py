"""Many runs of a model, and what they say together."""
