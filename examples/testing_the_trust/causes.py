"""Why findings of the paper may hold here or not: written by hand, after the study had run."""

CAUSES = {
    name: "" for name in ("alike", "noise", "attacks", "direction", "monotone", "wrong", "fading", "removal", "cost")
}
