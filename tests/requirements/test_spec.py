from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements.sentence import render
from pytest_segrobust.requirements.settings import Window
from pytest_segrobust.requirements.spec import load

ROBUST = """\
[[requirement]]
id = "ROB-001"
statement = "DSC drop of anterior under gaussian noise with sigma <= 0.1 is below 5 %"
rationale = "inter-reader DSC is 0.90"
risks = ["H-3"]

[[requirement]]
id = "ROB-002"
measure = "dsc"
at_least = 0.8
"""


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def test_a_file_is_read_into_settings_and_requirements(spec_file, perturbations):
    path = spec_file(ROBUST)
    spec = load(path, perturbations)
    assert spec.path == path
    assert spec.model.classes == {"anterior": 1, "posterior": 2}
    assert spec.data.patient == "{name}"
    first, second = spec.requirements
    assert (first.id, first.rationale, first.risks) == ("ROB-001", "inter-reader DSC is 0.90", ("H-3",))
    assert first.statement == "DSC drop of anterior under gaussian noise with sigma <= 0.1 is below 5 %"
    assert second.statement == "DSC is at least 0.8"
    assert render(second, perturbations) == "DSC is at least 0.8"
    lines = path.read_text().splitlines()
    assert lines[first.line - 1] == 'id = "ROB-001"'
    assert lines[second.line - 1] == 'id = "ROB-002"'
    assert spec.warnings == ()


def test_a_file_without_requirements_serves_tests_in_python(spec_file, perturbations):
    assert load(spec_file(), perturbations).requirements == ()


def test_confidence_is_that_of_the_decision_unless_stated(spec_file, perturbations):
    requirements = """
    [[requirement]]
    id = "A"
    statement = "DSC is at least 0.8"
    [[requirement]]
    id = "B"
    statement = "DSC is at least 0.8 with 99 % confidence"
    [[requirement]]
    id = "C"
    statement = "DSC is at least 0.8"
    confidence = 0.975
    [decision]
    confidence = 0.9
    """
    found = load(spec_file(requirements), perturbations).requirements
    assert [(r.confidence, r.confidence_stated) for r in found] == [(0.9, False), (0.99, True), (0.975, True)]


def test_a_statement_and_keys_that_say_the_same_are_one_requirement(spec_file, perturbations):
    both = """
    [[requirement]]
    id = "A"
    statement = "Dice drop under flip is below 5 % with 99 % confidence"
    measure = "dsc_drop"
    perturbation = { flip = {} }
    below = 0.05
    confidence = 0.99
    """
    [requirement] = load(spec_file(both), perturbations).requirements
    assert render(requirement, perturbations) == "DSC drop under flip is below 5 % with 99 % confidence"


def test_structures_may_overlap_with_sigmoid_and_then_there_is_no_background(spec_file, perturbations):
    base = """
    model = { classes = { whole = 0, core = 1 }, activation = "sigmoid", window = [64, 64] }
    data = { images = "*.png", labels = "{name}.tif", patient = "{name}", intensity = { window = [-1000, 400] } }
    """
    spec = load(spec_file(base=base), perturbations)
    assert spec.model.background is None
    assert spec.model.classes["whole"] == 0
    assert spec.data.intensity == Window(window=(-1000, 400))


def test_a_mark_in_front_of_the_text_as_windows_writes_it_is_read(spec_file, perturbations):
    path = spec_file(ROBUST)
    plain = load(path, perturbations)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    marked = load(path, perturbations)
    assert (marked.sha256, marked.requirements) == (plain.sha256, plain.requirements)
    assert marked.text_sha256 != plain.text_sha256


SAME_MEANING = [
    lambda text: "# a comment\n" + text,
    lambda text: text.replace(" = ", "="),
    lambda text: changed(text, "DSC drop of anterior", "Dice  decrease of anterior"),
    lambda text: changed(text, "is below 5 %", "is < 0.05"),
    lambda text: changed(text, "sigma <= 0.1", "0 ≤ sigma ≤ 10 %"),
    lambda text: changed(text, "below 5 %", "below 5 % with 95 % confidence"),
    lambda text: changed(text, 'measure = "dsc"\nat_least = 0.8', 'statement = "DSC is at least 0.80"'),
    lambda text: changed(text, "{ anterior = 1, posterior = 2 }", "{ posterior = [2], anterior = 1 }"),
    lambda text: text + "\n[decision]\nconfidence = 0.95\n",
    lambda text: "\n[[requirement]]".join([text.split("\n[[requirement]]")[i] for i in (0, 2, 1)]),
]

OTHER_MEANING = [
    ("sigma <= 0.1 ", "sigma <= 0.2 "),
    ("sigma <= 0.1 ", "snr >= 20 dB "),
    ("sigma <= 0.1 ", "0.01 <= sigma <= 0.1 "),
    ("DSC drop", "relative DSC drop"),
    ("DSC drop", "IoU drop"),
    ("of anterior", "of posterior"),
    ("of anterior ", ""),
    ("gaussian noise with", "gaussian noise on anterior with"),
    ("is below 5 %", "is at most 5 %"),
    ("is below 5 %", "is below 5.01 %"),
    ("is below 5 %", "is below 5 % for 95 % of patients"),
    ("is below 5 %", "is below 5 % with 99 % confidence"),
    ('id = "ROB-002"', 'id = "ROB-003"'),
    ("0.8", "0.81"),
    ("at_least", "above"),
    ("H-3", "H-4"),
    ("inter-reader DSC is 0.90", "inter-reader DSC is 0.91"),
    ("posterior = 2", "posterior = 3"),
    ("labelsTs", "labelsTr"),
    ('patient = "{name}"', 'patient = "{person}"'),
    ("[data]", 'outputs = "probabilities"\n[data]'),
    ("[data]", "background = 3\n[data]"),
    ("[data]", "[decision]\nconfidence = 0.9\n[data]"),
    ("[data]", "[decision]\nempty_reference = 'score'\n[data]"),
    ("[data]", "[data]\nintensity = { window = [0, 1] }"),
    ("[data]", "[data]\nexclude = { a = 'b' }"),
]


@pytest.mark.parametrize("change", range(len(SAME_MEANING)))
def test_the_hash_does_not_depend_on_how_the_file_is_written(spec_file, perturbations, change):
    path = spec_file(ROBUST)
    before = load(path, perturbations)
    path.write_text(SAME_MEANING[change](path.read_text()), encoding="utf-8")
    after = load(path, perturbations)
    assert after.sha256 == before.sha256
    assert after.text_sha256 != before.text_sha256


@pytest.mark.parametrize(("old", "new"), OTHER_MEANING)
def test_the_hash_changes_with_any_meaning(spec_file, perturbations, old, new):
    path = spec_file(ROBUST)
    before = load(path, perturbations)
    path.write_text(changed(path.read_text(), old, new), encoding="utf-8")
    assert load(path, perturbations).sha256 != before.sha256


def test_files_frozen_before_a_setting_existed_keep_their_hash_while_it_is_not_used(spec_file, perturbations):
    before = load(spec_file(ROBUST), perturbations).sha256
    for usual in ("[decision]\ncurve_of_single_strengths = true\n", "[attack]\nsteps = 20\n"):
        assert load(spec_file(ROBUST + usual), perturbations).sha256 == before
    for other in ("[decision]\ncurve_of_single_strengths = false\n", '[attack]\nsurrogate_outputs = "probabilities"\n'):
        assert load(spec_file(ROBUST + other), perturbations).sha256 != before


def test_the_hash_of_a_text_is_known(spec_file, perturbations):
    import hashlib

    path = spec_file(ROBUST)
    assert load(path, perturbations).text_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


R = '[[requirement]]\nid = "R-1"\n'
S = R + "statement = "
DSC = S + '"DSC is at least 0.8"\n'
MODEL = "[model]\nclasses = { a = 1 }\n"
DATA = '[data]\nimages = "*.nii"\nlabels = "{name}.nii"\npatient = "{name}"\n'

# the whole file, what the message must say
BAD = [
    # TOML
    ("[model\n", ("not TOML", "line 1")),
    ("[model]\nclasses = { a = 1 }\nclasses = { a = 2 }\n", ("not TOML", "line 3")),
    (MODEL + DATA + "x = 2024-01-01\n", ("dates and times",)),
    ("a = " + 5000 * "[" + 5000 * "]", ("cannot be read as TOML",)),
    ("a = " + 9999 * "9", ("cannot be read as TOML",)),
    # tables and keys
    ("", ("[model]: is missing", "classes")),
    (MODEL, ("[data]: is missing", "patient")),
    ("[model]\nnetwork = 'a:b'\n" + DATA, (":1:", "[model] classes: is missing", "classes = { anterior = 1 }")),
    ("[model]\nnework = 'a:b'\nclasses = { a = 1 }\n" + DATA, (":2: [model] nework: unknown key; did you mean 'network'?", "known: network, outputs")),
    ("model = 3\n" + DATA, ("[model]: must be a table, { key = value }, not 3",)),
    ("requirement = [3]\n" + MODEL + DATA, ("requirement number 1: must be a table",)),
    ("requirement = 'DSC is at least 0.8'\n" + MODEL + DATA, ("[[requirement]], in double brackets",)),
    (MODEL + DATA + "[dat]\n", ("[dat]: unknown key; did you mean 'data'?",)),
    (MODEL + DATA + "[decision]\nconfidnce = 0.9\n", ("[decision] confidnce: unknown key; did you mean 'confidence'?",)),
    (MODEL + DATA + "[decision.gross_failure]\ndsc = 0.9\n", ("[decision] gross_failure.dsc: unknown key", "dsc_below")),
    (MODEL + DATA + "intensity = { windw = [0, 1] }\n", ("[data] intensity.windw: unknown key; did you mean 'window'? (known: percentiles, window)",)),
    (MODEL + DATA + DSC + "rational = 'x'\n", ("requirement R-1, rational: unknown key; did you mean 'rationale'? (known: id, statement",)),
    (MODEL + DATA + "[[requirement]]\nstatement = 'DSC is at least 0.8'\n", ("requirement number 1, id: is missing",)),
    (MODEL + DATA + "[requirement]\nid = 'A'\n", ("[[requirement]], in double brackets",)),
    # types and values
    (MODEL + "channels = '3'\n" + DATA, ("[model] channels: must be a whole number, not '3'",)),
    (MODEL + "channels = true\n" + DATA, ("must be a whole number, not true",)),
    (MODEL + "channels = 0\n" + DATA, ("must be at least 1, not 0",)),
    (MODEL + "channels = 1\nnormalise = 'z-score'\n" + DATA, ("[model] normalise: must be 'none', 'zscore' or 'unit', not 'z-score'",)),
    (MODEL + "overlap = nan\n" + DATA, ("[model] overlap: must be a finite number",)),
    (MODEL + "network = 'my_package.build'\n" + DATA, ("network = 'my_package.build' is not module:function",)),
    (MODEL + "preprocess = 'a:b'\nnormalise = 'unit'\n" + DATA, ("preprocess replaces normalise",)),
    ("[model]\nclasses = { a = 'one' }\n" + DATA, ("[model] classes.a: must be a whole number or a list in [ ], not 'one'",)),
    ("[model]\nclasses = { a = 1.5 }\n" + DATA, ("[model] classes.a: must be a whole number",)),
    ("[model]\nclasses = ['a']\n" + DATA, ("[model] classes: must be a table", "structure = channel")),
    (MODEL + "[data]\nimages = 3\npatient = '{name}'\n", ("[data] images: must be a text in quotation marks or a list in [ ], not 3",)),
    (MODEL + DATA + "intensity = { percentiles = [1, 2, 3] }\n", ("[data] intensity.percentiles",)),
    (MODEL + DATA + "intensity = 'unit'\n", ("[data] intensity: must be a table",)),
    (MODEL + DATA + "[decision]\nconfidence = 95\n", ("[decision] confidence: must be below 1, not 95",)),
    (MODEL + DATA + "[decision]\nminimum_patients = 1\n", ("must be at least 2, not 1",)),
    (MODEL + DATA + DSC + "risks = 'H-3'\n", ("requirement R-1, risks: must be a list",)),
    (MODEL + DATA + R + "measure = 'dsc_drop'\nbelow = 0.1\nperturbation = { flip = { axis = true } }\n", ("requirement R-1, perturbation.flip.axis: must be",)),
    # classes
    ("[model]\nclasses = {}\n" + DATA, ("[model]: classes is empty",)),
    ("[model]\nclasses = { a = 0 }\n" + DATA, ("classes.a = 0 is the background, channel 0",)),
    ("[model]\nclasses = { a = [1, 2] }\nbackground = 2\n" + DATA, ("classes.a = [1, 2] is the background, channel 2",)),
    ("[model]\nclasses = { a = -1 }\n" + DATA, ("classes.a = -1 is no channel",)),
    ("[model]\nclasses = { a = [] }\n" + DATA, ("classes.a = [] is no channel",)),
    ("[model]\nclasses = { a = [1, 1] }\n" + DATA, ("names a channel twice",)),
    ('[model]\nclasses = { "a\\nb" = 1 }\n' + DATA, ("is not a name that can be read",)),
    ("[model]\nclasses = { a = 1 }\nactivation = 'sigmoid'\nbackground = 0\n" + DATA, ("background has no meaning with activation = 'sigmoid'",)),
    # data
    (MODEL + "[data]\nimages = '*.nii'\nlabels = '{name}.nii'\n", ('[data]: say who counts as one patient: patient = "{name}"', "never guessed")),
    (MODEL + "[data]\ndecathlon = 'Task04'\n", ("say who counts as one patient",)),
    (MODEL + "[data]\npatient = '{name}'\n", ("state where the images are", "decathlon", "not none")),
    (MODEL + DATA + "cases = 'cases.csv'\n", ("not images and cases",)),
    (MODEL + DATA + "intensity = { window = [400, -1000] }\n", ("[data] intensity.window: window = [400, -1000] does not rise",)),
    (MODEL + DATA + "intensity = { percentiles = [5, 5] }\n", ("percentiles = [5, 5] does not rise",)),
    (MODEL + DATA + "intensity = { percentiles = [0, 101] }\n", ("must be at most 100",)),
    # requirements
    (MODEL + DATA + DSC + DSC, (":11: requirement R-1, id: stands on line 8 already",)),
    (MODEL + DATA + '[[requirement]]\nid = "ROB 1"\n', ("id: 'ROB 1' may hold letters, digits",)),
    (MODEL + DATA + '[[requirement]]\nid = "../x"\n', ("may hold letters, digits",)),
    (MODEL + DATA + '[[requirement]]\nid = ""\n', ("may hold letters, digits",)),
    (MODEL + DATA + S + '"DSC of b is at least 0.8"\n', ("requirement R-1, statement: no structure 'b' in [model] classes", "known: a")),
    ("[model]\nclasses = { tumour = 1 }\n" + DATA + S + '"DSC of tumor is at least 0.8"\n', ("no structure 'tumor'", "did you mean 'tumour'?")),
    (MODEL + DATA + S + '"DSC drop under gaussian noise on b with sigma <= 0.1 is below 5 %"\n', ("no structure 'b'",)),
    (MODEL + DATA + S + '"DSC drop under flip on a is below 5 %"\n', ("flip acts on the whole image",)),
    (MODEL + DATA + S + '"DSC drop under guassian noise with sigma <= 0.1 is below 5 %"\n', (":9: requirement R-1, statement: at column 16, 'guassian noise'", "did you mean 'gaussian noise'?")),
    (MODEL + DATA + S + '"DSC drop under targeted pgd from a to b with epsilon <= 0.1 is below 5 %"\n', ("no structure 'b' in [model] classes", "known: a")),
    (MODEL + DATA + S + '"DSC drop under targeted pgd from b to a with epsilon <= 0.1 is below 5 %"\n', ("no structure 'b'",)),
    (MODEL + DATA + DSC + "gate = 'no'\n", ("requirement R-1, gate: must be true or false",)),
    (MODEL + DATA + R, ("requirement R-1: measure is missing; write a statement",)),
    (MODEL + DATA + R + "measure = 'dsc'\nstructure = 'b'\nat_least = 0.8\n", ("no structure 'b'",)),
    (MODEL + DATA + R + "measure = 'dsc'\nat_least = 85\n", ("requirement R-1: at_least: 85 is not a DSC",)),
    (MODEL + DATA + DSC + "measure = 'dsc'\nat_least = 0.7\n", ("it says 'DSC is at least 0.8', the keys beside it 'DSC is at least 0.7'",)),
    (MODEL + DATA + DSC + "structure = 'a'\n", ("measure is missing", "leave out structure")),
    (MODEL + DATA + S + '"DSC is at least 0.8 with 99 % confidence"\nconfidence = 0.9\n', ("it says 0.99 confidence, the key beside it 0.9",)),
    # labels
    (MODEL + "[data]\nimages = '*.nii'\npatient = '{name}'\n" + DSC, ("requirement R-1, statement: DSC needs labels; add labels",)),
    (MODEL + "[data]\nimages = '*.nii'\npatient = '{name}'\n" + S + '"gross failure rate is below 5 %"\n', ("gross failure rate needs labels",)),
    (MODEL + "[data]\nimages = '*.nii'\npatient = '{name}'\n" + S + '"agreement under gaussian noise on a with sigma <= 0.1 is at least 0.9"\n', ("gaussian noise on a needs labels",)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "parts"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_a_bad_file_is_one_line_that_names_file_key_and_what_could_stand_there(spec_file, perturbations, text, parts):
    path = spec_file(base=text)
    with pytest.raises(SpecError) as caught:
        load(path, perturbations)
    message = str(caught.value)
    assert message.isprintable()
    assert "segrobust.toml" in message
    for part in parts:
        assert part in message


def test_a_file_that_is_not_utf_8_is_told_so_with_the_line(spec_file, perturbations):
    path = spec_file()
    path.write_bytes(b"[model]\nclasses = { l\xfcnge = 1 }\n")
    with pytest.raises(SpecError, match=r"segrobust.toml:2: not UTF-8 \(byte 0xfc\); save the file as UTF-8"):
        load(path, perturbations)
    path.write_text("[model]\n", encoding="utf-16")
    with pytest.raises(SpecError, match="not UTF-8"):
        load(path, perturbations)


def test_a_file_that_is_not_there_is_one_line(tmp_path, perturbations):
    with pytest.raises(SpecError, match=r"absent\.toml cannot be read: No such file"):
        load(tmp_path / "absent.toml", perturbations)
    with pytest.raises(SpecError, match="cannot be read"):
        load(tmp_path, perturbations)


def test_a_targeted_attack_may_lead_to_the_background(spec_file, perturbations):
    statement = "DSC drop under targeted pgd from {} to {} with epsilon <= 0.1 is below 5 %"
    text = '[[requirement]]\nid = "A"\nstatement = "{}"\n'
    [requirement] = load(spec_file(text.format(statement.format("anterior", "background"))), perturbations).requirements
    assert requirement.domains[0].ranges[1].words == ("background",)
    with pytest.raises(SpecError, match="no structure 'background' in"):
        load(spec_file(text.format(statement.format("background", "anterior"))), perturbations)


def test_prediction_agreement_needs_no_labels(spec_file, perturbations):
    base = MODEL + "[data]\nimages = '*.nii'\npatient = '{name}'\n"
    text = S + '"agreement under gaussian noise with sigma <= 0.1 is at least 0.9"\n'
    assert len(load(spec_file(text, base=base), perturbations).requirements) == 1


def test_a_table_of_cases_has_its_own_column_of_patients(spec_file, perturbations):
    assert load(spec_file(base=MODEL + "[data]\ncases = 'cases.csv'\n"), perturbations).data.patient is None


def test_reading_a_file_loads_nothing_heavy(spec_file):
    path = spec_file(ROBUST)
    program = (
        "import sys, pathlib; from pytest_segrobust.requirements.spec import load; "
        f"assert load(pathlib.Path({str(path)!r})).requirements; "
        "heavy = {'torch', 'monai', 'numpy', 'scipy', 'nibabel', 'matplotlib', 'hypothesis', 'pytest'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
