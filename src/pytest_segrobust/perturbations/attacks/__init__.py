"""Attacks: the perturbation within a stated radius that hurts this model most, as far as a stated effort finds it.

An attack is a search, so what it finds bounds robustness from above and never from below: a model that withstands it may
fall to another. Every attack returns an image within its ball, by the same loss, from the same starts for a case.
"""
