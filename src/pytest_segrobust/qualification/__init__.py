"""Whether this installation works: known answers, and models with a planted defect that must not pass."""
