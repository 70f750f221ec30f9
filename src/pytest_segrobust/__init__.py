"""Robustness requirements of segmentation models, stated as sentences and decided by pytest."""

__version__ = "0.1.0.dev0"
