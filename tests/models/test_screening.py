from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile

import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.programs import open_torchscript
from pytest_segrobust.models.screening import (
    _is_plain_shape,
    screen_exported_program,
    screen_script_graph,
    screen_torchscript,
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network with a symbolic batch and shape, a subgraph of names and a constant."""

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 3, 3, stride=2, padding=1)
            self.register_buffer("scale", torch.tensor(2.0))

        def forward(self, x):
            y = torch.nn.functional.interpolate(self.conv(x) * self.scale, size=x.shape[2:])
            return torch.cat([y, y[:, :1]], 1)

    auto = torch.export.Dim.AUTO
    program = torch.export.export(
        Net().eval(), (torch.zeros(2, 1, 32, 32),), dynamic_shapes={"x": {0: auto, 2: auto, 3: auto}}
    )
    path = tmp_path_factory.mktemp("exported") / "net.pt2"
    torch.export.save(program, path)
    return path


@pytest.fixture
def changed(exported, tmp_path):
    """The exported program with one entry replaced, or one added."""

    def change(inner, content):
        path = tmp_path / "net.pt2"
        with zipfile.ZipFile(exported) as source, zipfile.ZipFile(path, "w") as target:
            root = source.namelist()[0].partition("/")[0]
            for name in source.namelist():
                if name != f"{root}/{inner}":
                    target.writestr(name, source.read(name))
                else:
                    before = source.read(name)
            target.writestr(f"{root}/{inner}", content(before) if callable(content) else content)
        return path

    return change


def test_an_honest_program_passes(exported):
    screen_exported_program(exported)


def pickled(thing):
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


def test_hostile_sample_inputs_are_refused_which_torch_would_run(changed, hostile):
    path = changed("data/sample_inputs/model.pt", pickled(((hostile,), {})))
    with pytest.raises(ModelError, match=r"refused: .*objects in data/sample_inputs/model\.pt"):
        screen_exported_program(path)
    assert not hostile.ran
    with contextlib.suppress(Exception):
        torch.export.load(path)
    assert hostile.ran, "the file was not hostile at all"


def test_a_hostile_shape_is_refused_which_torch_would_run(changed, hostile):
    def poison(content):
        words = f"__import__('os').mkdir('{hostile.trace}')"
        return content.replace(b"Symbol('s", f"{words} or Symbol('s".encode(), 1)

    path = changed("models/model.json", poison)
    with pytest.raises(ModelError, match=r"refused: .*expr_str"):
        screen_exported_program(path)
    assert not hostile.ran
    with contextlib.suppress(Exception):
        torch.export.load(path)
    assert hostile.ran, "the file was not hostile at all"


def edited(edit):
    def change(content):
        model = json.loads(content)
        edit(model["graph_module"])
        return json.dumps(model)

    return change


@pytest.mark.parametrize(
    ("inner", "content", "words"),
    [
        (
            "models/model.json",
            edited(lambda m: m["graph"]["nodes"][0].update(target="torch.os.system")),
            "torch.os.system",
        ),
        ("models/model.json", edited(lambda m: m["graph"]["nodes"][0].update(target="#ext:op")), "#ext:op"),
        (
            "models/model.json",
            edited(lambda m: m["graph"]["nodes"][0].update(target="torch.ops.aten.from_file.default")),
            "from_file",
        ),
        ("models/model.json", edited(lambda m: m["graph"]["nodes"][0].update(name="x\n    import os\n")), "name"),
        (
            "models/model.json",
            edited(lambda m: m["graph"]["inputs"][0]["as_tensor"].update(name="x=print(1)")),
            "name",
        ),
        (
            "models/model.json",
            edited(lambda m: m["graph"]["nodes"][0]["inputs"][0].update(arg={"as_operator": "torch.os.system"})),
            "as_operator",
        ),
        (
            "models/model.json",
            edited(lambda m: m["module_call_graph"][0]["signature"].update(in_spec='[1, {"__enum__": true}]')),
            "in_spec",
        ),
        (
            "models/model.json",
            lambda content: content.replace(b"L['x'].size()", b"L['x'].__class__.size()", 1),
            "guards_code",
        ),
        (
            "data/weights/model_weights_config.json",
            lambda c: c.replace(b'"use_pickle": false', b'"use_pickle": true'),
            "pickled",
        ),
        ("data/weights/model_weights_config.json", lambda c: c.replace(b'"weight_0"', b'"../x"'), r"\.\./x"),
        ("data/constants/opaque_obj_0", b"x", "opaque_obj_0"),
        ("data/constants/custom_obj_0", b"x", "custom_obj_0"),
        ("data/aotinductor/model/lib.so", b"x", "lib.so"),
        ("data/weights/model.pt", b"x", "data/weights/model.pt"),
    ],
)
def test_whatever_could_run_code_is_refused(changed, inner, content, words):
    path = changed(inner, content)
    with pytest.raises(ModelError, match=f"refused: .*{words}") as caught:
        screen_exported_program(path)
    assert "\n" not in str(caught.value)


def test_doubled_names_are_refused(exported, tmp_path):
    path = tmp_path / "net.pt2"
    path.write_bytes(exported.read_bytes())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(archive.namelist()[0], b"other")
    with pytest.raises(ModelError, match="doubled names"):
        screen_exported_program(path)


def test_a_file_of_an_older_torch_is_said_to_be(tmp_path):
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
    with pytest.raises(ModelError, match=r"torch < 2\.8"):
        screen_exported_program(tmp_path / "old.pt2")


@pytest.mark.parametrize(
    "text",
    ["Symbol('s77', positive=True, integer=True)", "Mul(Integer(3), Symbol('s0', integer=True))", "s0*(s1 + 2)//2"],
)
def test_shapes_of_torch_are_plain(text):
    assert _is_plain_shape(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "().__class__",
        "s0.func",
        "Symbol('a b')",
        'eval("1")',
        "s0[0]",
        "lambda: 0",
        "Symbol(s0).x",
        "os",
    ],
)
def test_other_expressions_are_not(text):
    assert not _is_plain_shape(text)


@pytest.fixture
def script(tmp_path, small):
    """A TorchScript file whose forward has another first line."""

    def change(line):
        torch.jit.script(small()).save(str(tmp_path / "honest.pt"))
        source = torch._C.PyTorchFileReader(str(tmp_path / "honest.pt"))
        with zipfile.ZipFile(tmp_path / "a.pt", "w") as target:
            for name in source.get_all_records():
                content = source.get_record(name)
                if b"class Small(" in content:
                    content, count = re.subn(rb"(def forward\(self[^)]*\) -> Tensor:\n)", rb"\1    LINE\n", content)
                    assert count == 1
                    content = content.replace(b"LINE", line.encode())
                target.writestr(f"a/{name}", content)
        return tmp_path / "a.pt"

    return change


def test_torchscript_that_writes_files_is_refused_which_torch_would_run(script, hostile):
    path = script(f'torch.save(x, "{hostile.trace}")')
    with pytest.raises(ModelError, match=r"refused: .*save"):
        open_torchscript(path, torch.device("cpu"))
    assert not hostile.ran
    torch.jit.load(path)(torch.zeros(1, 1, 4, 4))
    assert hostile.ran, "the file was not hostile at all"


@pytest.mark.parametrize(
    "line",
    [
        'torch . save(x, "trace")',
        'ops.aten.save(x, "trace")',
        'y = torch.from_file("trace", True, 4)',
        "y = __torch__.torch.classes.other.Thing()",
        "x = self.__setstate__(x)",
    ],
)
def test_torchscript_that_names_files_or_loads_itself_is_refused(script, line):
    with pytest.raises(ModelError, match="refused: "):
        screen_torchscript(script(line))


class Saves(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            torch.save(x, "trace")
        return x


def test_a_file_operator_is_found_in_a_branch_of_the_graph(tmp_path):
    with pytest.raises(ModelError, match=r"refused: .*aten::save"):
        screen_script_graph(tmp_path, torch.jit.script(Saves()))


def test_an_operator_of_an_unknown_library_is_refused_in_the_graph(tmp_path):
    class Graph:
        def __init__(self, *nodes):
            self.inlined_graph = self
            self.inside = nodes

        def nodes(self):
            return self.inside

    class Node:
        def __init__(self, kind, *blocks):
            self.kind, self.blocks = (lambda: kind), (lambda: blocks)

        def attributeNames(self):  # noqa: N802
            return []

    screen_script_graph(tmp_path, Graph(Node("aten::relu"), Node("prim::If", Graph(Node("aten::add")))))
    for kind in ("mylib::run", "aten::save", "aten::from_file"):
        with pytest.raises(ModelError, match=f"refused: .*{kind}"):
            screen_script_graph(tmp_path, Graph(Node("prim::If", Graph(Node(kind)))))


def test_an_honest_torchscript_with_branches_and_loops_passes(tmp_path):
    from monai.networks.nets import UNet

    network = UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=(2, 4, 4), strides=(2, 2), num_res_units=1)
    torch.jit.script(network.eval()).save(str(tmp_path / "a.pt"))
    opened = open_torchscript(tmp_path / "a.pt", torch.device("cpu"))
    image = torch.randn(1, 1, 8, 8, 8)
    torch.testing.assert_close(opened(image), network(image))


def test_an_honest_torchscript_passes(tmp_path, small):
    torch.jit.script(small()).save(str(tmp_path / "a.pt"))
    open_torchscript(tmp_path / "a.pt", torch.device("cpu"))
