"""The first segrobust.toml that `segrobust init` writes."""

from __future__ import annotations

TEMPLATE = """# What must hold of the model, and on which data. Then: pytest --segrobust-model=CHECKPOINT

[model]
# network = "my_package.models:build_unet"   # only where the checkpoint holds weights alone
outputs = "logits"                           # logits | probabilities | labels
classes = { liver = 1, tumour = 2 }          # structure = channel of the output, and value in the labels
normalise = "zscore"                         # none | zscore | unit, or preprocess = "module:function"
# window = [96, 96, 96]                      # sliding window in voxels

[data]
images = "images/*.nii.gz"
labels = "labels/{name}.nii.gz"
patient = "{name}"                           # who counts as one: {name} declares that each image is another patient
intensity = { percentiles = [0.5, 99.5] }    # what 0 and 1 are when sigma is stated; CT: { window = [-1000, 400] }
# train = "training-fingerprints.json"       # what the model was trained on, to show that these cases are apart from it

[decision]
confidence = 0.95                            # one-sided

# [trace]
# risks = "risks.csv"                        # columns id, hazard, control: requirements name these ids in risks

[[requirement]]
id = "ROB-001"
statement = "DSC of liver is at least 0.85"
rationale = "say where the limit comes from: a reader who asks why will look here"

[[requirement]]
id = "ROB-002"
statement = "DSC drop of liver under gaussian noise with sigma <= 0.05 is below 5 %"
rationale = "say why this range is what the product meets"
risks = ["H-1"]
"""
