"""Functions that a user names as `module:function`, found in the folder of the spec first."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.fingerprint import sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class UserFunction:
    """A function of the user's, with the file that holds it and that file's SHA-256."""

    name: str
    function: Any  # a function, a class, or a ready network
    source: Path
    sha256: str
    root: Path

    def __call__(self, *arguments: Any) -> Any:
        """Call it with the spec's folder searched first, for what it imports only now."""
        with searching(self.root):
            return self.function(*arguments)


def is_function_name(text: str) -> bool:
    """Whether the text has the form `module:function` (a path on a Windows drive has not)."""
    return NAME.fullmatch(text) is not None


def find_function(name: str, root: Path, role: str) -> UserFunction:
    """Import `module:function`; `role` says what it is for ("network", "preprocess", "--segrobust-model").

    Raises ModelError where the name has another form, or where module or function are not found or fail to import.
    """
    if not is_function_name(name):
        raise ModelError(f'{role} = "{name}": write it as "module:function", such as "my_package.models:build_unet"')
    module_name, _, function_name = name.partition(":")
    with searching(root, module_name):
        module = _import(module_name, root, role)
    found: Any = module
    for part in function_name.split("."):
        if not hasattr(found, part):
            nearest = difflib.get_close_matches(part, [n for n in dir(found) if not n.startswith("_")], n=3)
            hint = f"; did you mean {' or '.join(nearest)}?" if nearest else ""
            raise ModelError(f'{role} = "{name}": {_file_of(module)} has no {part}{hint}')
        found = getattr(found, part)
    source = _source_of(found, module)
    return UserFunction(name, found, source, sha256_of_file(source), root)


@contextmanager
def searching(root: Path, named: str = "") -> Iterator[None]:
    """Put the folder first in the search for modules, and leave no trace in it afterwards.

    Two specs of one run may each have a `networks.py`. A module of that name that came from elsewhere is set aside
    while this folder is searched and put back after, so that neither spec is given the other's network.
    """
    aside = _set_aside(root, named.partition(".")[0])
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if str(root) in sys.path:  # the user's own code may have changed it
            sys.path.remove(str(root))
        if aside:
            tops = {name.partition(".")[0] for name in aside}
            for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
                del sys.modules[name]
            sys.modules.update(aside)


def _set_aside(root: Path, named: str) -> dict[str, ModuleType]:
    """Take modules out of `sys.modules` that hide one of this folder; installed ones stay, unless named."""
    here = {module.name for module in pkgutil.iter_modules([str(root)])}
    hiding = set()
    for top in here & sys.modules.keys():
        file = getattr(sys.modules[top], "__file__", None)
        if file is None or Path(file).resolve().is_relative_to(root.resolve()):
            continue
        installed = top in sys.stdlib_module_names or {"site-packages", "dist-packages"} & set(Path(file).parts)
        if top == named or not installed:
            hiding.add(top)
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in hiding}


def _import(module_name: str, root: Path, role: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise ModelError(f"{role}: no module {module_name}; searched {root} and the installed packages") from error
        raise ModelError(f"{role}: {module_name} imports {error.name}, which is not installed") from error
    except Exception as error:
        raise ModelError(f"{role}: importing {module_name} failed: {described(error)}") from error


def described(error: BaseException) -> str:
    """Type, first line and place of an exception, for a reader who sees no traceback."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
    if isinstance(error, SyntaxError):
        return text
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return text if frame is None else f"{text} ({Path(frame.tb_frame.f_code.co_filename).name}, line {frame.tb_lineno})"


def _file_of(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or module.__name__


def _source_of(found: Callable[..., Any] | Any, module: ModuleType) -> Path:
    """The file that defines the function; of the module that was named where Python cannot tell."""
    try:
        source = inspect.getsourcefile(inspect.unwrap(found))
    except TypeError:
        source = None
    for file in (source, getattr(module, "__file__", None)):
        if file is not None and Path(file).is_file():
            return Path(file)
    raise ModelError(f"{module.__name__}: no source file to take a SHA-256 of; name a module that lies in a file")
