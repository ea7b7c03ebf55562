"""Named shapes a head may have, each held against chance."""
