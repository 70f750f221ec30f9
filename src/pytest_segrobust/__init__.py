"""Robustness requirements of segmentation models, stated as sentences and decided by pytest.

`perturbations` and `strategies` are for tests in Python; sentences need no import at all.
"""

__version__ = "0.1.0.dev0"
