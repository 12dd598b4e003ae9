"""Networks of the user's own, named as `FILE.py:FACTORY` or `package.module:FACTORY`.

Their code may print, end the program or raise anything. Output goes to standard error; everything
else becomes one line that names the file and the line in it.
"""

import argparse
import difflib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NoReturn

from torch import nn

from keiryo.errors import InputError, one_line
from keiryo.files import checksum_of
from keiryo.models.timm_models import declare_missing_operators
from keiryo.processes import output_to_stderr

FILE_SUFFIX = ".py"
# Parameters that take the number of classes, the usual names first.
CLASSES_PARAMETERS = (
    *("classes", "num_classes", "n_classes", "number_of_classes", "nb_classes", "num_labels"),
    *("n_class", "nclass", "class_count", "classes_count"),
)
CALL = "keiryo calls FACTORY(classes), which returns the network"
# Folder of a FILE.py -> the modules that were imported from it, by name.
_siblings: dict[str, dict[str, ModuleType]] = {}
# Names under which each FILE.py itself is known to Python.
_loaded_files: set[str] = set()


class UnknownModuleError(Exception):
    """There is no module of this name."""


def build_users_network(name: str, factory: str, classes: int | None) -> nn.Module:
    """Return the network that `factory`, in the file or module `name`, makes for `classes`.

    If `classes` is None, the number of classes is the factory's own, and a network is taken as it
    is.

    Raises InputError, in one line, for everything that is wrong with the file, the factory or what
    it returns; UnknownModuleError if `name` is no file and no module.
    """
    spec = f"{name}:{factory}"
    declare_missing_operators()  # it may import torchvision
    module = _import_file(spec, name) if name.endswith(FILE_SUFFIX) else _import(spec, name)
    made = getattr(module, factory, None)
    if made is None:
        nearest = difflib.get_close_matches(factory, vars(module), n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise InputError(f"{spec}: {name} has no '{factory}'{hint}")
    if isinstance(made, nn.Module):
        if classes is None:
            return made
        raise InputError(
            f"{spec}: is a network, whose number of classes is fixed; name a function or class "
            f"that makes one ({CALL}); `keiryo weigh --classes none` takes it as it is"
        )
    if not callable(made):
        raise InputError(f"{spec}: is no function or class, but {type(made).__name__} ({CALL})")
    positional, named = _arguments(spec, made, classes)
    with _run_users_code(spec, name):
        network = made(*positional, **named)
    if not isinstance(network, nn.Module):
        raise InputError(
            f"{spec}: returned {type(network).__name__}, not a torch.nn.Module ({CALL})"
        )
    return network


@contextmanager
def users_forward(name: str) -> Iterator[None]:
    """Run a block that runs the network called `name`, whose forward may be the user's own.

    What it prints goes to standard error; an exit becomes InputError.
    """
    try:
        with output_to_stderr():
            yield
    except SystemExit as error:
        code = "" if error.code is None else one_line(str(error.code))
        raise InputError(
            f"{name}: its forward ends the program by sys.exit({code}); it must return its output"
        ) from None


def _arguments(
    spec: str, factory: Callable[..., Any], classes: int | None
) -> tuple[tuple[int, ...], dict[str, int]]:
    """Return the arguments that hand the number of classes to `factory`, and nothing else."""
    try:
        parameters = list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        return (() if classes is None else (classes,)), {}
    if classes is None:
        _check_needs_nothing(spec, parameters)
        return (), {}
    by_name = {one.name: one for one in parameters}
    takers = [by_name[name] for name in CLASSES_PARAMETERS if name in by_name]
    if takers:
        taker = takers[0]
        if taker.kind is inspect.Parameter.POSITIONAL_ONLY:
            if parameters[0] is not taker:
                raise InputError(f"{spec}: takes '{taker.name}' by position alone, but not first")
            return (classes,), {}
        return (), {taker.name: classes}
    kinds = {one.kind for one in parameters}
    positional = [
        one
        for one in parameters
        if one.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]
    required = [one for one in positional if one.default is inspect.Parameter.empty]
    # A function of one argument, however it is called, is FACTORY(classes). A class is not: its
    # first parameter may as well be a width.
    if not inspect.isclass(factory) and (
        len(required) == 1 or (not positional and inspect.Parameter.VAR_POSITIONAL in kinds)
    ):
        return (classes,), {}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return (), {"num_classes": classes}  # as torchvision's functions take it
    takes = f"only {', '.join(by_name)}" if by_name else "no argument"
    raise InputError(
        f"{spec}: takes {takes}; give it a parameter `classes` or `num_classes` ({CALL})"
    )


def _check_needs_nothing(spec: str, parameters: list[inspect.Parameter]) -> None:
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for one in parameters:
        if one.default is inspect.Parameter.empty and one.kind not in optional:
            raise InputError(
                f"{spec}: needs a value for '{one.name}'; give the number of classes (not none)"
            )


@contextmanager
def _run_users_code(spec: str, name: str) -> Iterator[None]:
    """Run a block of the user's code, and turn whatever it does into InputError."""
    try:
        with output_to_stderr(), _siblings_of(name), _argparse_raises():
            yield
    except (InputError, UnknownModuleError, KeyboardInterrupt, GeneratorExit):
        raise
    except SystemExit as error:
        place = _place_in(error.__traceback__, name)
        said = "" if error.code is None else f" ({one_line(str(error.code))})"
        raise InputError(
            f"{spec}: ends the program by sys.exit{said}, {place}; put what is to run as a "
            "program under `if __name__ == '__main__':`"
        ) from None
    except _ArgumentsError as error:
        place = _place_in(error.__traceback__, name)
        raise InputError(
            f"{spec}: reads the command line by argparse ({one_line(error)}), {place}; put what is "
            "to run as a program under `if __name__ == '__main__':`"
        ) from None
    except SyntaxError as error:
        where = f"{error.filename}, line {error.lineno}"
        raise InputError(f"{spec}: {type(error).__name__} in {where}: {error.msg}") from None
    except BaseException as error:  # the user's own code may raise anything
        raise InputError(
            f"{spec}: failed with {type(error).__name__}: {one_line(error)} "
            f"({_place_in(error.__traceback__, name)})"
        ) from error


class _ArgumentsError(Exception):
    """The user's module reads arguments that are not there."""


@contextmanager
def _argparse_raises() -> Iterator[None]:
    """Let argparse raise an exception in this block, where it would print its usage and exit."""

    def refuse(self: argparse.ArgumentParser, message: str) -> NoReturn:
        raise _ArgumentsError(message)

    before = argparse.ArgumentParser.error
    argparse.ArgumentParser.error = refuse
    try:
        yield
    finally:
        argparse.ArgumentParser.error = before


def _place_in(trace: TracebackType | None, name: str) -> str:
    """Return the last line of the user's file in `trace`, or the last line at all."""
    frames = [one for one in traceback.extract_tb(trace) if not one.filename.startswith("<")]
    folder = str(Path(name).resolve().parent) if name.endswith(FILE_SUFFIX) else str(Path.cwd())
    own = [one for one in frames if one.filename.startswith(folder)]
    own = [one for one in own if "site-packages" not in one.filename and one.filename != __file__]
    frame = (own or frames)[-1]
    return f"{frame.filename}, line {frame.lineno}"


def _import(spec: str, name: str) -> ModuleType:
    # Unlike `python -m`, a console script does not have the working folder on its path.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    with _run_users_code(spec, name):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name == name.split(".")[0]:
                raise UnknownModuleError from None
            raise


def _import_file(spec: str, name: str) -> ModuleType:
    path = Path(name).resolve()
    if not path.is_file():
        raise InputError(f"{name}: no such file")
    # Its own name might be that of an installed package. Dataclasses look their module up.
    own_name = f"{path.stem}_{checksum_of(os.fsencode(path))}"
    specification = importlib.util.spec_from_file_location(own_name, path)
    if specification is None or specification.loader is None:
        raise InputError(f"{name}: cannot be imported")
    module = importlib.util.module_from_spec(specification)
    sys.modules[own_name] = module
    _loaded_files.add(own_name)
    arguments = sys.argv
    sys.argv = [str(path)]  # a file that reads its arguments must not read keiryo's
    try:
        with _run_users_code(spec, name):
            specification.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(own_name, None)
        raise
    finally:
        sys.argv = arguments
    return module


@contextmanager
def _siblings_of(name: str) -> Iterator[None]:
    """Let the modules beside a FILE.py be imported in this block, as if Python ran that file.

    Two folders may hold modules of the same name, so those of other folders are put aside. After
    the block, a forward can still import a module that nothing installed has the name of.
    """
    if not name.endswith(FILE_SUFFIX):
        yield
        return
    place = str(Path(name).resolve().parent)
    for other, modules in _siblings.items():
        if other != place:
            sys.path[:] = [entry for entry in sys.path if entry != other]
            for one in modules:
                sys.modules.pop(one, None)
    sys.modules.update(_siblings.setdefault(place, {}))
    before = set(sys.modules)
    sys.path[:] = [place, *(entry for entry in sys.path if entry != place)]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for one in set(sys.modules) - before:
            top = getattr(sys.modules.get(one.split(".")[0]), "__file__", None)
            if top is not None and top.startswith(f"{place}{os.sep}") and one not in _loaded_files:
                _siblings[place][one] = sys.modules[one]
        sys.path[:] = [*(entry for entry in sys.path if entry != place), place]
