"""Perturbations that move the image, and the reference with it."""
