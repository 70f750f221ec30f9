"""What is done to an image: the catalogue of perturbations, and exact points in it."""
