"""From a hazard to the verdict of a test and back, and what was done about what did not pass."""
