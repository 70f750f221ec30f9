"""What goes wrong in magnetic resonance imaging: the coil's field, the patient's motion, k-space and its sampling."""
