"""What goes wrong in computed tomography; images are in Hounsfield units (HU)."""
