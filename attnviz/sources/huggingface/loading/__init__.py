"""From a model's name to a model that is whole: found, looked through, placed and loaded, or refused."""
