"""The 60 test volumes of the Decathlon's hippocampus task."""

import os
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest

from pytest_segrobust.datasets.dataset import open_dataset
from pytest_segrobust.requirements.settings import DataSettings

SHARED = Path(os.environ.get("SEGROBUST_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
HIPPOCAMPUS = SHARED / "hippocampus"
pytestmark = pytest.mark.skipif(
    not HIPPOCAMPUS.is_dir(), reason=f"the hippocampus volumes are not at {HIPPOCAMPUS} (SEGROBUST_SHARED_DATA)"
)


@pytest.fixture
def hippocampus():
    settings = DataSettings(images="imagesTs/*.nii.gz", labels="labelsTs/{name}.nii.gz", patient="{name}")
    return open_dataset(settings, root=HIPPOCAMPUS, classes={"anterior": 1, "posterior": 2}, channels=1)


def test_60_volumes_pass_the_check(hippocampus):
    hippocampus.check()

    assert len(hippocampus.cases) == len(hippocampus.patients) == 60
    assert hippocampus.has_labels
    assert hippocampus.cases[0].id == "hippocampus_006"


def test_all_volumes_are_read_in_about_a_second(hippocampus):
    hippocampus.read(hippocampus.cases[0])
    start = time.process_time()
    samples = [hippocampus.read(case) for case in hippocampus.cases]
    spent = time.process_time() - start

    assert spent < 3  # 0.3 s on an idle core
    for sample in samples:
        assert sample.spacing == (1, 1, 1)
        assert sample.axes == ("R", "A", "S")
        assert set(np.unique(sample.label)) == {0, 1, 2}
        assert sample.low < sample.high


def test_voxels_are_those_that_nibabel_reads(hippocampus):
    for case in hippocampus.cases[::20]:
        sample = hippocampus.read(case)
        np.testing.assert_array_equal(sample.image[0], nibabel.load(case.images[0]).get_fdata(dtype=np.float32))
        np.testing.assert_array_equal(sample.label, nibabel.load(case.label).get_fdata())
        np.testing.assert_allclose(sample.affine, nibabel.load(case.images[0]).affine)
