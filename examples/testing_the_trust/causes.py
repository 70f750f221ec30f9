"""Why findings of the paper may hold here or not: written by hand, after the study had run."""

CAUSES = dict.fromkeys(("alike", "noise", "attacks", "direction", "monotone", "wrong", "fading", "removal", "cost"), "")
