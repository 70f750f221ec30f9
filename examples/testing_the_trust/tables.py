"""The study's tables in Markdown, made of results.json alone; the paper's own figures stand beside ours."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import paper
from findings import findings
from measured import CLEAN, STRUCTURES
from results import labels

from pytest_segrobust.evidence.verdicts import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Results = dict[str, Any]

MEASURES = {"dsc": "DSC", "hd95": "HD95, mm", "over_segmentation": "Os", "under_segmentation": "Us"}
DIRECTIONS = {"better": "**better**", "worse": "**worse**", "": ""}


def clean_table(found: Results) -> str:
    """The paper's Table 3."""
    rows = [
        [
            f"{structure}: {words}",
            *_means(found, "noise", CLEAN, structure, key),
            _paper(paper.CLEAN.get((structure, key))),
        ]
        for structure in STRUCTURES
        for key, words in MEASURES.items()
    ]
    return _table(["clean", *labels().values(), PAPER], rows)


def noise_table(found: Results) -> str:
    """The paper's Table 5, and the noises that it shows in figures: DSC under noise on the whole image."""
    points = [point for point in found["cells"]["noise"] if point != CLEAN and " on " not in point]
    return _dsc_table(found, "noise", points, STRUCTURES)


def structure_table(found: Results) -> str:
    """DSC under noise on one structure alone, of both."""
    return _dsc_table(found, "noise", [point for point in found["cells"]["noise"] if " on " in point], STRUCTURES)


def attack_table(found: Results) -> str:
    """DSC under attack, on the volumes that were attacked."""
    return _dsc_table(found, "attacks", list(found["cells"]["attacks"]), STRUCTURES)


def uncertainty_table(found: Results) -> str:
    """What uncertainty is worth at the strongest Gaussian noise, and under attack: the worse structure of each."""
    measures = {
        "spearman": ("Spearman with error", min),
        "n_aurc": ("nAURC", min),
        "aurc": ("AURC", max),
        "error_auroc": ("AUROC of wrong voxels", min),
        "delta_dsc": ("ΔDSC after removal", min),
        "qu_brats": ("QU-BraTS score", min),
        "ece": ("ECE", max),
    }
    rows = []
    for part, point in (("noise", CLEAN), ("noise", "gaussian noise(snr=8)"), ("attacks", "fgsm(snr=15)")):
        for key, (words, worse) in measures.items():
            cells = []
            for family in labels():
                both = [found["cells"][part][point][structure][family].get(key) for structure in STRUCTURES]
                known = [each for each in both if each and each[0] is not None]
                cells.append(_cell(worse(known, key=lambda each: each[0])) if known else "–")
            rows.append([f"{named(point)}: {words}", *cells])
    return _table(["the worse structure", *labels().values()], rows)


def verdict_table(found: Results) -> str:
    """Requirements down, families across: the estimate in the report's words, and the verdict."""
    rows = []
    for entry in found["verdicts"]:
        cells = [entry["families"][family] for family in labels()]
        texts = [f"{cell['estimate']} {_verdict(cell['verdict'])}" for cell in cells]
        rows.append([f"{entry['id']}: {entry['statement']}", *texts])
    return _table(["requirement", *labels().values()], rows)


def paired_table(found: Results) -> str:
    """SUPER-Net less each other family at the strong end, volume by volume; named by Holm over all of the part."""
    others = {family: label for family, label in labels().items() if family != "super_unet"}
    rows = []
    for pairs in found["paired"].values():
        by_place: dict[tuple[str, str], dict[str, Any]] = {}
        for pair in pairs:
            by_place.setdefault((pair["point"], pair["structure"]), {})[pair["family"]] = pair
        for (point, structure), row in by_place.items():
            texts = [
                f"{_cell(row[f]['difference'], signed=True)} {DIRECTIONS[row[f]['super_net']]}".strip() for f in others
            ]
            rows.append([f"{named(point)}: {structure}", *texts])
    return _table(["DSC of SUPER-Net less that of", *others.values()], rows)


def masking_table(found: Results) -> str:
    """How many of its attacks' self-checks each family passed, and which not."""
    rows = []
    for family, label in labels().items():
        checks = found["masking"][family]
        broken = [f"{entry['id']}: {', '.join(entry['broken'])}" for entry in checks if entry["broken"]]
        held, every = sum(entry["held"] for entry in checks), sum(entry["checks"] for entry in checks)
        rows.append([label, f"{held} of {every}", "; ".join(broken) or "none"])
    return _table(["family", "checks that held", "an attack was outdone by"], rows)


def cost_table(found: Results) -> str:
    """The paper's Table 6, and memory."""
    one = paper.SECONDS_PER_SLICE["deterministic"]
    rows = []
    for family, label in labels().items():
        cost = found["cost"][family]
        theirs = paper.SECONDS_PER_SLICE.get(family)
        rows.append(
            [
                label,
                str(cost["passes"]),
                f"{cost['times']:.1f} ×",
                "–" if theirs is None else f"{theirs / one:.1f} ×",
                f"{cost['memory_mb']:.0f} MB",
                f"{cost['parameters']:,}".replace(",", " "),
                f"{cost['weights_kb']} kB",
            ]
        )
    head = ["family", "passes", "time per slice", "in the paper", "memory while predicting", "parameters", "weights"]
    return _table(head, rows)


def findings_table(found: Results) -> str:
    """What the paper finds, and whether it was found here."""
    rows = [[each.claim, f"**{each.agrees}**", each.numbers, each.cause] for each in findings(found)]
    return _table(["the paper finds", "here", "what was measured", "likely cause"], rows)


def runs_line(found: Results) -> str:
    """How many volumes, which profile, models and specs."""
    lines = []
    for part, runs in found["runs"].items():
        first = next(iter(runs.values()))
        models = "; ".join(
            f"{labels()[family]} {', '.join(f'`{m}`' for m in run['models'])}" for family, run in runs.items()
        )
        lines.append(
            f"{part}: {first['volumes']} volumes, profile {first['profile']}, seed {first['seed']}; SHA-256 of the models: {models}."
        )
    return "  \n".join(lines)


TABLES = {
    "runs": runs_line,
    "findings": findings_table,
    "clean": clean_table,
    "noise": noise_table,
    "structure": structure_table,
    "attacks": attack_table,
    "uncertainty": uncertainty_table,
    "verdicts": verdict_table,
    "paired": paired_table,
    "masking": masking_table,
    "cost": cost_table,
}
PAPER = "paper: Det / MCD / Ens / SN"


def written_into(text: str, found: Results) -> str:
    """The text with what stands between `<!-- NAME -->` and `<!-- /NAME -->` replaced by that table.

    Raises ValueError for a comment of this kind that no table has.
    """

    def replaced(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in TABLES:
            raise ValueError(f"no table is called {name}; there are {', '.join(TABLES)}")
        return f"<!-- {name} -->\n\n{TABLES[name](found)}\n\n<!-- /{name} -->"

    return re.sub(r"<!-- (?P<name>[a-z]+) -->.*?<!-- /(?P=name) -->", replaced, text, flags=re.DOTALL)


def printed(found: Results) -> str:
    """results.json: one line for each list of numbers."""
    text = json.dumps(found, indent=1, ensure_ascii=False)
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


def named(point: str) -> str:
    """A point in a reader's words: `speckle noise(snr=10) on anterior` is "speckle noise on anterior, 10 dB"."""
    if point == CLEAN:
        return CLEAN
    name, _, rest = point.partition("(")
    inside, _, on = rest.partition(")")
    values = dict(each.split("=") for each in inside.split(", "))
    route = f" {values['source']} → {values['target']}" if "source" in values else ""
    return f"{name}{route}{on}, {float(values['snr']):.3g} dB"


def _dsc_table(found: Results, part: str, points: Iterable[str], structures: Sequence[str]) -> str:
    rows = []
    for point in points:
        for structure in structures:
            cells = _means(found, part, point, structure, "dsc")
            rows.append([f"{named(point)}: {structure}", *cells, _paper(paper.dsc(point, structure))])
    return _table(["DSC", *labels().values(), PAPER], rows)


def _means(found: Results, part: str, point: str, structure: str, key: str) -> list[str]:
    cells = found["cells"][part][point][structure]
    return [_cell(cells[family].get(key)) for family in labels()]


def _cell(numbers: Sequence[Any] | None, *, signed: bool = False) -> str:
    if not numbers or numbers[0] is None:
        return "–"
    mean, *more = numbers[:3]
    digits = "+.3f" if signed else ".3f"
    bounds = f" [{more[0]:{digits}}, {more[1]:{digits}}]" if more else ""
    return f"{mean:{digits}}{bounds}".replace("-", "−")


def _paper(row: paper.Row | None) -> str:
    return "–" if row is None else " / ".join(f"{row[family]:.2f}" for family in paper.FAMILIES)


def _verdict(verdict: str) -> str:
    word = WORDS[verdict]
    return word if verdict == "passed" else f"**{word}**"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
