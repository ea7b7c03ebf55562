"""What holds for every test."""

from hypothesis import settings

# Machines are shared and noisy: how long an example takes says nothing. All else stays as it was set.
settings.register_profile("attnviz", parent=settings(), deadline=None)
settings.load_profile("attnviz")
