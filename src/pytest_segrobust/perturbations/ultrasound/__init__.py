"""What an ultrasound scanner and the tissue in front of the beam do to an image."""
