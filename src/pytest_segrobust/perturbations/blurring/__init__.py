"""Loss of sharpness: point-spread functions in mm, whatever the voxel size."""
