"""The decision: the search for the worst case, statistics over patients, verdicts."""
