"""A bench: sets of made patients on disk, and models put on them through everything that a run uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..requirements.measure import score_key
from ..requirements.spec import load
from ..run import Run, RunSettings
from ..verification.profiles import profile
from ..verification.verify import verify
from .cohort import Patients, write_cohort

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..datasets.dataset import Dataset
    from ..evaluation.evaluation import Evaluation
    from ..evidence.records import RequirementResult
    from ..evidence.store import Store
    from ..requirements.spec import Spec
    from ..verification.profiles import Budget

MODELS = "pytest_segrobust.qualification.planted_models"
NOISE = "under gaussian noise with sigma <= 0.1"
FAINT = "under gaussian noise with sigma <= 0.05"
ORGANS: Mapping[str, str] = {
    "DSC": f"DSC {NOISE} is at least 0.85",
    "DSC-DROP": f"DSC drop {NOISE} is below 10 %",
    "HD95": f"HD95 {NOISE} is below 4 mm",
    "NSD": f"NSD at 2 mm {NOISE} is at least 0.8",
    "VOLUME": f"volume bias {NOISE} is within 20 %",
    "OVER": f"over-segmentation {NOISE} is below 0.15",
    "MOST": f"DSC {NOISE} is at least 0.8 for 85 % of patients",
    "FAILURES": f"gross failure rate {NOISE} is below 15 %",
    "MOVED": "DSC under translation with -4 mm <= distance <= 4 mm and axis = columns is at least 0.85",
    "TWO": f"DSC {NOISE} and gamma with 0.8 <= gamma <= 1.25 is at least 0.85",
}
"""What is required of models that find the left and the right organ; 20 patients are enough for each."""

AMBIGUOUS: Mapping[str, str] = {
    "ECE": f"ECE {FAINT} is below 0.08",
    "CORRELATION": f"uncertainty correlates with error above 0.4 {FAINT}",
}
"""What is required of models that say how uncertain they are."""

SITES: Mapping[str, str] = {
    "ALL": f"DSC {NOISE} is at least 0.6",
    "EACH": f"DSC {NOISE} is at least 0.8 for each site",
    "WORST": f"DSC {NOISE} is at least 0.8 in the worst site",
}
"""What is required where sites count by themselves, and what would be asked of all patients together."""


@dataclass(frozen=True)
class Set:
    """One set of patients, what a model of it returns, and what may be required on it."""

    kind: str
    patients: Patients
    requirements: Mapping[str, str]
    scans: int = 1

    @property
    def model(self) -> str:
        """[model] of its spec."""
        if self.kind == "ambiguous":
            return 'outputs = "mean_variance"\nclasses = { organ = 1 }'
        return "classes = { left = 1, right = 2 }"


TWENTY = Patients(13, 6, 1)
SETS: Mapping[str, Set] = {
    "organs": Set("organs", TWENTY, ORGANS),
    "watermarked": Set("watermarked", TWENTY, ORGANS),
    "copied": Set("copied", TWENTY, ORGANS),
    "ambiguous": Set("ambiguous", TWENTY, AMBIGUOUS),
    "many": Set("organs", Patients(140, 50, 10), {"RARE": "gross failure rate is below 2 %"}),
    "few": Set("organs", Patients(3, 3, 0), {"MEAN": "DSC is at least 0.65", "MOST": ORGANS["MOST"]}),
    "sites": Set("organs", Patients(14, 6, 0), SITES),
    "scans": Set("organs", Patients(5, 2, 0), {"MOST": ORGANS["MOST"]}, scans=3),
}
SPEC = """
[model]
{model}
batch_size = 3

[data]
images = "images/{{site}}_{{patient}}_{{scan}}.nii"
labels = "labels/{{site}}_{{patient}}_{{scan}}.nii"
patient = "{{patient}}"
report_strata = []
intensity = {{ window = [0.0, 1.0] }}
"""


class Bench:
    """Sets are written below `folder` when they are first asked for; `budget` is what a requirement may spend."""

    def __init__(self, folder: Path, *, seed: int, budget: Budget | None = None) -> None:
        self.folder, self.seed = folder, seed
        self.budget = budget or replace(profile("smoke"), points=4, screening_patients=3)
        self._opened: dict[str, tuple[Spec, Dataset]] = {}

    def dataset(self, name: str) -> Dataset:
        """The cases of a set."""
        return self._open(name)[1]

    def evaluation(self, name: str, model: str, requirement: str, *, store: Store | None = None) -> Evaluation:
        """A planted model on a set, with what the requirement scores."""
        spec, dataset = self._open(name)
        run = Run(self._settings(name, (f"{MODELS}:{model}",)), spec, store)
        scored = frozenset({score_key(each.measure) for each in spec.requirements if each.id == requirement})
        return run.evaluation(run.open_segmenter(), dataset, score_keys=scored)

    def verify(self, name: str, model: str, requirement: str, *, store: Store | None = None) -> RequirementResult:
        """A planted model's result, as a run would have it."""
        spec = self._open(name)[0]
        asked = next(each for each in spec.requirements if each.id == requirement)
        evaluation = self.evaluation(name, model, requirement, store=store)
        return verify(
            asked,
            evaluation,
            decision=spec.decision,
            budget=self.budget,
            seed=self.seed,
            subgroups=evaluation.dataset.subgroups,
            report_strata=spec.data.report_strata,
        )

    def _settings(self, name: str, models: tuple[str, ...]) -> RunSettings:
        folder = self.folder / name
        return RunSettings(
            folder / "segrobust.toml", models, folder / "report", profile="smoke", device="cpu", seed=self.seed
        )

    def _open(self, name: str) -> tuple[Spec, Dataset]:
        if name not in self._opened:
            made, folder = SETS[name], self.folder / name
            write_cohort(folder, made.kind, made.patients, seed=self.seed, scans=made.scans)
            stated = "".join(
                f'\n[[requirement]]\nid = "{k}"\nstatement = "{v}"\n' for k, v in made.requirements.items()
            )
            (folder / "segrobust.toml").write_text(SPEC.format(model=made.model) + stated, encoding="utf-8")
            spec = load(folder / "segrobust.toml")
            self._opened[name] = spec, Run(self._settings(name, ()), spec).open_dataset()
        return self._opened[name]
