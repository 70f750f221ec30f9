"""The whole study, from trained weights to the finished comparison: one command, which goes on where it was interrupted.

    python study.py --data hippocampus            # three quarters of an hour on two cores; writes results.json, README.md, the docs
    python study.py --data hippocampus --short    # less than 40 minutes: the same of 18 volumes, 8 under attack; writes to --output alone
    python study.py --data hippocampus --smoke    # less than five: six volumes, few draws; shows that all runs
    python study.py --written                     # runs nothing: tables and pictures of results.json once more

Each family is verified by pytest under noise and under attack, as many at once as there are cores. What lies complete below
--output, of the same spec and weights, is not run again; what was begun is resumed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from cost import REPEATS, cost
from families import FAMILIES, FOLDER, PARTS, spec_path, write_specs
from figures import draw
from measured import read_study
from results import AGAINST, results
from tables import masking_table, paired_table, printed, verdict_table, written_into

from pytest_segrobust.errors import SegrobustError
from pytest_segrobust.evaluation.context import tool_source_hash
from pytest_segrobust.evidence.store import Store

if TYPE_CHECKING:
    from families import Form, Part

ROOT = FOLDER.parents[1]
RESULTS = FOLDER / "results.json"
README = FOLDER / "README.md"
PAGE = ROOT / "docs" / "testing_the_trust.md"
LEAN = {
    "OMP_NUM_THREADS": "1",  # as many families run at once as there are cores
    # else glibc hands back every layer's memory and asks for it again: a fifth of the processor time
    "MALLOC_TOP_PAD_": str(256 * 2**20),
}
BASES = ("deterministic", AGAINST)
"""What the others are compared with: what Bayes buys, and the paper's own question."""
MARGINS = ("3 %", "1 mm")  # by which one may be worse and still count as no worse: an example, as all limits here


def verify(family: str, part: Part, output: Path, data: Path, options: list[str], *, form: Form) -> str:
    """Run one family's spec as a user would; the words of what came. Requirements that fail are results, else it raises."""
    report = output / part / family
    spec, weights = spec_path(family, part, form), FAMILIES[family].files()
    if is_complete(report, spec, weights):
        return f"{part} of {FAMILIES[family].label}: there already"
    start = time.monotonic()
    command = [sys.executable, "-m", "pytest", spec.name, "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += [f"--segrobust-model={path.relative_to(FOLDER)}" for path in weights]
    command += [f"--segrobust-data={data}", f"--segrobust-report={report}"]
    command += [f"--segrobust-profile={'smoke' if form == 'smoke' else 'ci'}", *options]
    if (report / "run.sqlite").exists():
        command.append("--segrobust-resume")
    report.mkdir(parents=True, exist_ok=True)
    environment = {**LEAN, **os.environ}
    with (report / "pytest.log").open("w", encoding="utf-8") as log:
        code = subprocess.run(command, cwd=FOLDER, env=environment, stdout=log, stderr=log, check=False).returncode  # noqa: S603  own command
    if code not in (0, 1):
        raise RuntimeError(f"pytest ended with {code} on {part} of {family}: see {report / 'pytest.log'}")
    return f"{part} of {FAMILIES[family].label}: {(time.monotonic() - start) / 60:.1f} min"


def is_complete(report: Path, spec: Path, weights: list[Path]) -> bool:
    """Whether a finished run of this spec and these weights, by this version of the tool, lies there."""
    if not (report / "run.sqlite").exists():
        return False
    with Store.open(report / "run.sqlite") as store:
        found = store.run()
    return (
        found.get("status") == "complete"
        and found["model"]["sha256"] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in weights]
        and found["spec"]["text_sha256"] == hashlib.sha256(spec.read_bytes()).hexdigest()
        and found["tool_sha256"] == tool_source_hash()
    )


def compare(part: Part, base: str, output: Path) -> None:
    """All families of a part with one of them: a page of paired differences, by the plugin."""
    folder = output / "compared" / f"{part}_with_{base}"
    runs = [output / part / family for family in (base, *(family for family in FAMILIES if family != base))]
    command = [sys.executable, "-c", "from pytest_segrobust.cli import main; main()", "compare", "--common"]
    command += [word for margin in MARGINS for word in ("--margin", margin)]
    command += ["--output", str(folder), *map(str, runs)]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)  # noqa: S603  own command
    if done.returncode not in (0, 1):
        raise RuntimeError(
            f"segrobust compare ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    print(f"compared {part} with {FAMILIES[base].label}: {folder / 'comparison.html'}", flush=True)


def run(arguments: argparse.Namespace, options: list[str]) -> dict[str, object]:
    """Everything that measures, and the numbers that came of it."""
    data, output = arguments.data.resolve(), arguments.output.resolve()
    write_specs(arguments.form)
    tasks = [(family, part) for part in PARTS for family in FAMILIES]
    tasks.sort(key=lambda task: -FAMILIES[task[0]].passes)  # the longest first, so that none is left alone in the end
    with ThreadPoolExecutor(arguments.at_once) as pool:
        runs = [pool.submit(verify, family, part, output, data, options, form=arguments.form) for family, part in tasks]
        for each in runs:
            print(each.result(), flush=True)
    for part in PARTS:
        for base in BASES[:1] if arguments.form == "smoke" else BASES:
            compare(part, base, output)
    return results(read_study(output), cost(data, 1 if arguments.form == "smoke" else REPEATS))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with imagesTs and labelsTs, see ../hippocampus/split.py")
    parser.add_argument("--output", type=Path, help="where reports go (default: build/testing_the_trust)")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument(
        "--short", dest="form", action="store_const", const="short", default="whole", help="of fewer volumes"
    )
    forms.add_argument(
        "--smoke", dest="form", action="store_const", const="smoke", help="does it run? Six volumes, few draws"
    )
    parser.add_argument("--written", action="store_true", help="run nothing: tables and pictures of results.json")
    parser.add_argument("--at-once", type=int, default=min(os.cpu_count() or 1, 4), help="families at a time")
    arguments, options = parser.parse_known_args()  # what is not known here is pytest's, such as -k
    arguments.output = (
        arguments.output
        or ROOT / "build" / f"testing_the_trust{'' if arguments.form == 'whole' else f'_{arguments.form}'}"
    )
    start = time.monotonic()
    try:
        if arguments.written:
            found = json.loads(RESULTS.read_text(encoding="utf-8"))
        elif arguments.data is None:
            parser.error("--data is needed to verify; --written only writes tables and pictures")
        else:
            found = run(arguments, options)
    except (OSError, ValueError, RuntimeError, SegrobustError) as problem:
        sys.exit(f"study.py: {problem}")
    if arguments.form == "whole":
        RESULTS.write_text(printed(found), encoding="utf-8")
        found = json.loads(printed(found))
        for page in (README, PAGE):
            page.write_text(written_into(page.read_text(encoding="utf-8"), found), encoding="utf-8")
        draw(found, PAGE.parent / PAGE.stem)
    else:
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / RESULTS.name).write_text(printed(found), encoding="utf-8")
        for table in (verdict_table, paired_table, masking_table):
            print(f"\n{table(found)}")
    if arguments.form == "short":
        draw(found, arguments.output / "pictures")
    print(f"\n{(time.monotonic() - start) / 60:.1f} minutes; reports and comparisons are in {arguments.output}")


if __name__ == "__main__":
    main()
