"""The blocks of layers that a network's table is grouped by, and their titles."""

import re

from torch import nn

# Modules that only hold others, and do not say what those are together.
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# A capital letter that begins a word: DenseBlock, HTTPLayer.
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_")


class Blocks:
    """The block of each module of a network, and a title from the names of classes.

    A block is the outermost module that is more than a container of others, or a
    container that holds only layers (a stage of VGG: convolution, norm, activation).
    """

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        """Take all modules of the network by their names, parents first."""
        self._modules = modules
        self._names: dict[str, str] = {"": ""}
        self._titles: dict[str, str] = {"": ""}
        self._counted: dict[str, dict[str, str]] = {}
        for name, module in modules.items():
            if not name:
                continue
            parent = name.rpartition(".")[0]
            inherited = self._names.get(parent, "")
            if inherited:
                self._names[name] = inherited
            else:
                self._names[name] = "" if _only_holds_blocks(module) else name

    def name(self, module: str) -> str:
        """Return the name of the block of `module`; "" is the network itself."""
        return self._names[module]

    def title(self, module: str) -> str:
        """Return where `module` is, in words: "dense block 1, layer 3"; "" if that says nothing.

        Only modules whose names are numbers get one; classes of PyTorch itself and containers say
        nothing of their place.
        """
        if module not in self._titles:
            parent, _, last_name = module.rpartition(".")
            outer = self.title(parent)
            # A name in words says more of its place than a class.
            own = self._own_title(parent, last_name) if last_name.isdigit() else ""
            if not own:
                self._titles[module] = outer
                return outer
            last = outer.rpartition(", ")[2].split(" ")
            words = own.split(" ")
            # "dense block 1, dense layer 3": the same word again says nothing new.
            if len(words) > 1 and not words[1].isdigit() and words[0] == last[0]:
                words = words[1:]
            self._titles[module] = ", ".join(filter(None, (outer, " ".join(words))))
        return self._titles[module]

    def _own_title(self, parent: str, name: str) -> str:
        if parent not in self._counted:
            self._counted[parent] = _titles_of_children(self._modules.get(parent))
        return self._counted[parent].get(name, "")


def _titles_of_children(parent: nn.Module | None) -> dict[str, str]:
    """Return the title of each child by its name; alike ones are numbered from 1."""
    if parent is None:
        return {}
    words = {
        name: _words(type(child))
        for name, child in parent._modules.items()
        if child is not None and name.isdigit() and _says_what_it_is(child)
    }
    alike = list(words.values())
    titles: dict[str, str] = {}
    counts: dict[str, int] = {}
    for name, title in words.items():
        counts[title] = counts.get(title, 0) + 1
        titles[name] = f"{title} {counts[title]}" if alike.count(title) > 1 else title
    return titles


def _says_what_it_is(module: nn.Module) -> bool:
    kind = type(module)
    return bool(module._modules) and not (kind.__module__.startswith("torch.nn") or _holds(module))


def _words(kind: type[nn.Module]) -> str:
    return " ".join(part for part in _WORD_START.split(kind.__name__) if part).lower()


def _holds(module: nn.Module) -> bool:
    """Return True for a container, also if it is one that runs its layers in its own way."""
    named = tuple(kind.__name__.removeprefix("Module") for kind in CONTAINERS)
    return isinstance(module, CONTAINERS) and type(module).__name__.endswith(named)


def _only_holds_blocks(module: nn.Module) -> bool:
    if not _holds(module):
        return False
    return any(next(child.children(), None) is not None for child in module.children())
