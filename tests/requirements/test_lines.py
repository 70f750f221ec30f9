from __future__ import annotations

import pytest

from pytest_segrobust.requirements.lines import line_of

TEXT = """\
# [model] in a comment
[model]
classes = { lung = 1 }  # [data]
"network" = "a:b"

[data]
intensity.window = [0, 1]

[[requirement]]
statement = "id = 3"
id = "A"

  [[requirement]]  # the second
  id = 'B'
[requirement.perturbation.gamma]
gamma = [1, 2]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("model",), 2),
        (("model", "classes"), 3),
        (("model", "classes", "lung"), 3),
        (("model", "network"), 4),
        (("model", "absent"), 2),
        (("data", "intensity", "window"), 7),
        (("requirement", 0), 9),
        (("requirement", 0, "id"), 11),
        (("requirement", 1, "id"), 14),
        (("absent",), 0),
        ((), 0),
    ],
)
def test_a_key_is_found_on_its_line_or_on_that_of_its_table(path, line):
    assert line_of(TEXT, path) == line


def test_requirements_in_one_array_are_found_where_the_array_stands():
    assert line_of('[model]\n[data]\n\nrequirement = [{ id = "A" }]', ("requirement", 0, "id")) == 0
    assert line_of('requirement = [{ id = "A" }]\n[model]', ("requirement", 0, "id")) == 1
