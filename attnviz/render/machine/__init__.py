"""Results as JSON for other programs: every number plain, every position counted from 0."""
