import pytest


@pytest.fixture
def table(folder):
    for name in ("a", "b"):
        folder.pair(name)

    def write(text, **settings):
        content = text if isinstance(text, bytes) else text.encode()
        (folder.root / "cases.csv").write_bytes(content)
        return folder.open(cases="cases.csv", **settings)

    return write


ROWS = "id,image,label,patient,site\n2,images/a.nii.gz,labels/a.nii.gz,p1,Bern\n1,images/b.nii.gz,labels/b.nii.gz,p1,\n"


def test_columns_become_cases_and_the_others_metadata(table, folder):
    dataset = table(ROWS)
    dataset.check()

    assert [case.id for case in dataset.cases] == ["1", "2"]
    assert dataset.patients == ("p1",)
    assert dataset.cases[1].images == (folder.root / "images/a.nii.gz",)
    assert [dict(case.metadata) for case in dataset.cases] == [{"site": ""}, {"site": "Bern"}]


def test_paths_are_relative_to_the_table(folder):
    folder.pair("a")
    (folder.root / "tables").mkdir()
    (folder.root / "tables/cases.csv").write_text("image,label,patient\n../images/a.nii.gz,../labels/a.nii.gz,p\n")
    dataset = folder.open(cases="tables/cases.csv")

    dataset.check()
    assert dataset.cases[0].id == "a"


def test_the_table_of_a_spreadsheet_reads_the_same(table):
    spreadsheet = b"\xef\xbb\xbf" + ROWS.replace(",", ";").replace("\n", "\r\n").encode() + b";;;;\r\n"

    assert table(spreadsheet).cases == table(ROWS).cases


def test_numbered_image_columns_are_channels_in_their_order(table):
    dataset = table("image_2,image_1,patient\nimages/b.nii.gz,images/a.nii.gz,p\n", channels=2)

    assert [path.name for path in dataset.cases[0].images] == ["a.nii.gz", "b.nii.gz"]
    assert dataset.cases[0].id == "a"
    assert not dataset.has_labels


def test_another_column_or_a_pattern_of_columns_can_be_the_patient(table):
    text = "image,subject,centre\nimages/a.nii.gz,7,x\nimages/b.nii.gz,7,y\n"

    assert table(text, patient="subject").patients == ("7",)
    assert table(text, patient="{centre}-{subject}").patients == ("x-7", "y-7")
    assert dict(table(text, patient="subject").cases[0].metadata) == {"centre": "x"}


def test_an_excluded_row_need_not_be_whole(table):
    text = "id,image,label,patient\n1,images/a.nii.gz,labels/a.nii.gz,p\n2,images/b.nii.gz,,\n"
    dataset = table(text, exclude={"2": "never segmented"})

    dataset.check()
    assert dataset.excluded == (("2", "never segmented"),)
    assert [case.id for case in dataset.cases] == ["1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("img,patient\na,b\n", ["cases.csv", "no column image"]),
        ("image_1,image_3,patient\na,b,c\n", ["no column image_2"]),
        ("image,image_1,patient\na,b,c\n", ["both image and image_1"]),
        ("image,label\na,b\n", ["cases.csv", "no column patient"]),
        ("image,patients\na,b\n", ["no column patient", "did you mean patients?"]),
        ("image,label,patient\na.nii.gz,b.nii.gz,p\na.nii.gz,,p\n", ["line 3", "column label"]),
        ("image,patient\na.nii.gz,\n", ["line 2", "column patient"]),
        ("image,patient\n,p\n", ["line 2", "column image"]),
        ("image,patient\na.nii.gz\n", ["line 2", "1 cells for 2 columns"]),
        ("image,patient\na.nii.gz,p,q\n", ["line 2", "3 cells for 2 columns"]),
        ("image,patient,image\na,b,c\n", ["column image is there twice"]),
        ("", ["cases.csv", "empty"]),
        ("image,patient\n", ["no case"]),
        ("id,image,patient\n1,a.nii.gz,p\n1,b.nii.gz,p\n", ["2 cases have the id 1", "a.nii.gz", "b.nii.gz"]),
        ("id,image,patient\n1,a.nii.gz,p\n2,a.nii.gz,p\n", ["1 and 2 are the same image"]),
        ("image_1,image_2,patient\na.nii.gz,a.nii.gz,p\n", ["case a", "two of its channels"]),
        (b"image,patient\nM\xfcller.nii.gz,p\n", ["cases.csv", "not UTF-8 at byte 15"]),
        ("image,patient\n" + "x" * 200_000 + ",p\n", ["line 2", "not CSV"]),
    ],
)
def test_bad_tables_are_refused_with_their_place(table, refused, text, words):
    refused(lambda: table(text), words)


def test_a_path_that_does_not_exist_is_named(table, refused, folder):
    dataset = table("image,label,patient\nimages/a.nii.gz,labels/c.nii.gz,p\n")

    refused(dataset.check, ["case a", str(folder.root / "labels/c.nii.gz"), "no such file"])


def test_a_missing_table_is_named(folder, refused):
    refused(lambda: folder.open(cases="none.csv"), [str(folder.root / "none.csv"), "No such file"])
