"""What receivers and detectors add to an image: noise of several laws, and the steps of a coarse scale of greys."""
