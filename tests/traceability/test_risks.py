"""The risks file: two forms, and mistakes that name file, line and key."""

import pytest

from pytest_segrobust.errors import SpecError
from pytest_segrobust.traceability.risks import Risk, read_risks


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_and_toml_say_the_same(tmp_path):
    table = written(
        tmp_path, "risks.csv", "id,hazard,control,harm\nH-1,wrong volume,noise test,overdose\n\nH-2,missed,,\n"
    )
    tables = written(
        tmp_path,
        "risks.toml",
        '[[risk]]\nid = "H-1"\nhazard = "wrong volume"\ncontrol = "noise test"\nharm = "overdose"\n'
        '[[risk]]\nid = "H-2"\nhazard = "missed"\nharm = ""\n',
    )

    assert read_risks(table) == read_risks(tables)
    assert read_risks(table)[0] == Risk("H-1", "wrong volume", "noise test", {"harm": "overdose"})


def test_a_spreadsheet_with_semicolons_is_read(tmp_path):
    path = written(tmp_path, "risks.csv", "\ufeffID;Hazard;Control\nH-1;volume, wrong;test\n")

    assert read_risks(path) == [Risk("H-1", "volume, wrong", "test")]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("risks.csv", "id,hazard\nH-1,a\nH-1,b\n", "risks.csv:3: id: H-1 stands twice, first at risks.csv:2"),
        ("risks.csv", "id,hazard\nH-1,\n", "risks.csv:2: hazard: is empty"),
        ("risks.csv", "id,hazard\nH-1\n", "risks.csv:2: 1 cells for 2 columns"),
        ("risks.csv", "id,danger\nH-1,x\n", "risks.csv:1: hazard: the first line needs this column"),
        ("risks.csv", "id,hazard\n", "risks.csv: holds no risk"),
        ("risks.csv", 'id,hazard\nH-1,"' + "x\n" * 70_000, "risks.csv:"),
        ("risks.toml", "[[risk]]\nid = 1" + "0" * 5000, "risks.toml: not TOML"),
        ("risks.toml", '[[risk]]\nid = "H-1"\nhazard = 3\n', "risks.toml:3: [[risk]] number 1, hazard: must be a text"),
        ("risks.toml", '[[risk]]\nid = "H-1"\n', "risks.toml:2: hazard: is empty"),
        ("risks.toml", '[risk]\nid = "H-1"\n', "risks.toml:1: risk: write [[risk]]"),
        ("risks.toml", '[[hazard]]\nid = "H-1"\n', "risks.toml:1: hazard: means nothing here"),
        ("risks.toml", "id = \n", "risks.toml: not TOML"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_key(tmp_path, name, text, said):
    with pytest.raises(SpecError) as caught:
        read_risks(written(tmp_path, name, text))

    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SpecError, match=r"risks\.csv: the risks file cannot be read"):
        read_risks(tmp_path / "risks.csv")
