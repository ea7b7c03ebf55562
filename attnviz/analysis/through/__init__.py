"""Through the layers: what weights say once values, layers or an answer are taken into account."""
