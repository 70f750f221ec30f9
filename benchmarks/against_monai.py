"""The same job as a loop written by hand with MONAI, in the same run: wall time per (case, strength), ours over theirs.

    python benchmarks/against_monai.py --data Task04_Hippocampus

The loop is what a careful engineer writes: a DataLoader over MONAI's dictionary transforms, batch 1, noise of an exact
strength, and DiceMetric, HausdorffDistanceMetric and SurfaceDiceMetric with the voxels' spacing.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import torch
from monai.data import DataLoader, Dataset
from monai.inferers import sliding_window_inference
from monai.metrics import DiceMetric, HausdorffDistanceMetric, SurfaceDiceMetric
from monai.networks.utils import one_hot
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged

from hippocampus_job import EXAMPLE, SIGMAS, TOLERANCE, arguments, volumes_in
from overhead import opened
from pytest_segrobust.perturbations.point import Point


def by_hand(data: Path) -> float:
    """Seconds per (case, strength) of the loop with MONAI."""
    sys.path.insert(0, str(EXAMPLE))
    from network import build_unet, preprocess

    network = build_unet()
    network.load_state_dict(torch.load(EXAMPLE / "weights.pt", weights_only=True))
    network.eval()
    files = [
        {"image": str(image), "label": str(data / "labelsTs" / image.name)}
        for image in sorted((data / "imagesTs").iterdir())
    ]
    transform = Compose([LoadImaged(keys=["image", "label"]), EnsureChannelFirstd(keys=["image", "label"])])
    metrics = [
        DiceMetric(include_background=False),
        HausdorffDistanceMetric(include_background=False, percentile=95),
        SurfaceDiceMetric(class_thresholds=[TOLERANCE, TOLERANCE], include_background=False),
    ]
    start = time.perf_counter()
    with torch.inference_mode():
        for sigma in SIGMAS:
            for batch in DataLoader(Dataset(files, transform), batch_size=1):
                image = batch["image"].as_tensor()
                low, high = torch.quantile(image.flatten(), torch.tensor([0.005, 0.995]))
                noisy = image + sigma * (high - low) * torch.randn_like(image)
                ready = preprocess(noisy[0], (1.0, 1.0, 1.0))[None]
                output = sliding_window_inference(ready, (48, 64, 48), 1, network)
                prediction = one_hot(output.argmax(1, keepdim=True), 3)
                reference = one_hot(batch["label"].as_tensor(), 3)
                for metric in metrics:
                    spacing = {} if isinstance(metric, DiceMetric) else {"spacing": (1.0, 1.0, 1.0)}
                    metric(prediction, reference, **spacing)
    return (time.perf_counter() - start) / (len(files) * len(SIGMAS))


def by_this_tool(data: Path, folder: Path) -> float:
    """Seconds per (case, strength) of this tool, opening included."""
    start = time.perf_counter()
    evaluation, store = opened(folder, data)
    rows = evaluation.measure([Point.of("gaussian noise", sigma=sigma) for sigma in SIGMAS])
    seconds = time.perf_counter() - start
    store.close()
    return seconds / (len(rows) / len(evaluation.structures))


def main() -> None:
    options = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory() as name:
        data = volumes_in(options.data, options.volumes, Path(name) / "data")
        by_this_tool(data, Path(name))  # once for imports and caches of the disk, on both sides
        theirs, ours = by_hand(data), by_this_tool(data, Path(name))
    print(f"{options.volumes} volumes x {len(SIGMAS)} strengths, {torch.get_num_threads()} threads")
    print(f"wall time per (case, strength), this tool / loop by hand with MONAI = {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
