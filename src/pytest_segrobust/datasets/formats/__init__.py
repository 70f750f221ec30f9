"""One module per file format; each gives a StoredImage, whose voxels are decoded only when asked for."""
