"""Opening a checkpoint safely, and predicting with it."""
