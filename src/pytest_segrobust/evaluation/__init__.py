"""The only loop that costs: perturb, predict, score."""
