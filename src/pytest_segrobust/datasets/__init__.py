"""Cases and patients: reading images and labels, and checking that they belong together."""
