"""How good a segmentation is: overlap, surface and volume metrics with one policy for empty masks."""
