"""The blocks of layers that a network's table is grouped by."""

from torch import nn

# Modules that only hold others, and do not say what those are together.
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def block_names(modules: dict[str, nn.Module]) -> dict[str, str]:
    """Return the name of each module's block by the module's name; "" is the network itself.

    A block is the outermost module that is more than a container of others, or a
    container that holds only layers (a stage of VGG: convolution, norm, activation).
    """
    names: dict[str, str] = {"": ""}
    for name, module in modules.items():
        if not name:
            continue
        parent = name.rpartition(".")[0]
        inherited = names.get(parent, "")
        if inherited:
            names[name] = inherited
        else:
            names[name] = "" if _only_holds_blocks(module) else name
    return names


def _only_holds_blocks(module: nn.Module) -> bool:
    if type(module) not in CONTAINERS:
        return False
    return any(next(child.children(), None) is not None for child in module.children())
