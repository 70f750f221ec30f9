"""Does a model know when it is wrong: uncertainty maps, one number per case, and how both follow the error.

maps         uncertainty maps from passes of a model, kept as running moments
region       where voxels are looked at: a band round the boundaries, the dilated structure
aggregation  one number per case from a map
correlation  does it follow 1 - DSC over patients, and over severities within patients; intervals: their bounds
patient_intervals  bounds of the other statistics of all patients; patient_statistics, tied_groups: these for many resamples
selective    what is gained by trusting only the certain cases: risk and coverage, failure detection
separation   does uncertainty find the wrong voxels; patches: PAvPU
removal      DSC after uncertain voxels are removed, and what that costs
calibration  are probabilities frequencies
trend        does uncertainty rise with severity; warning: before the DSC falls
ranking      what these share: AUROC, average precision, selective risk; measured: a number or a reason
catalogue    names, ranges, directions and sources of all measures, free of numpy

Every measure returns a `Measured`: a number, or None and the reason why there is none.
"""
