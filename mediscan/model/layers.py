"""The layers of an encoder in order, so that each can rest or learn at a rate of its own."""

from collections.abc import Iterator

from torch import nn

from mediscan.errors import ConfigError

LayerGroup = tuple[list[nn.Parameter], float]
"""Parameters, and the learning rate they share."""

_LISTS = (nn.ModuleList, nn.Sequential)
_NORMS = (nn.LayerNorm, nn.modules.batchnorm._NormBase, nn.GroupNorm)  # noqa: SLF001  (torch names no public base)


def layers_of(network: nn.Module) -> list[nn.Module]:
    """Its layers that have weights, from the input to the output: embeddings or stem, each block, each last norm.

    A norm that stands alone belongs to the layer before it. Every library here registers its modules in the order in
    which they are run, and keeps blocks in lists.
    """
    layers: list[nn.Module] = []
    for module in _unrolled(network):
        if layers and isinstance(module, _NORMS):
            layers[-1] = nn.Sequential(layers[-1], module)
        elif next(module.parameters(), None) is not None:
            layers.append(module)
    return layers


def _unrolled(network: nn.Module) -> Iterator[nn.Module]:
    for child in network.children():
        if isinstance(child, _LISTS) and all(isinstance(block, _LISTS) for block in child.children()):
            yield from _unrolled(child)  # stages, each a list of blocks
        elif isinstance(child, _LISTS):
            yield from child.children()
        elif any(isinstance(module, nn.ModuleList) for module in child.modules()):
            yield from _unrolled(child)
        else:
            yield child


def layer_groups(network: nn.Module, *, rate: float, decay: float) -> list[LayerGroup]:
    """Learning rates that fall from the output to the input, where pretrained layers are most general.

    The last layer learns at `rate`, each layer below it at `decay` times the rate of the one above. Parameters that
    rest are left out; those that stand outside any layer learn as the first one does.

    Source: Howard and Ruder, "Universal language model fine-tuning for text classification", 2018.
    """
    layers = layers_of(network)
    groups: list[LayerGroup] = []
    seen: set[nn.Parameter] = set()
    for depth, layer in enumerate(reversed(layers)):
        groups.append((_learning(layer, seen), rate * decay**depth))
    groups.append((_learning(network, seen), rate * decay ** max(0, len(layers) - 1)))
    return [(parameters, group_rate) for parameters, group_rate in reversed(groups) if parameters]


def _learning(module: nn.Module, seen: set[nn.Parameter]) -> list[nn.Parameter]:
    """Its parameters that learn and were not seen before, which they are now."""
    found = [parameter for parameter in module.parameters() if parameter.requires_grad and parameter not in seen]
    seen.update(found)
    return found


def freeze_layers(network: nn.Module, count: int) -> None:
    """Let the first `count` layers rest, and all that stands outside any layer with them.

    Raises:
        ConfigError: It has fewer layers.
    """
    layers = layers_of(network)
    if not 0 <= count <= len(layers):
        raise ConfigError(
            f"{count} layers of an encoder cannot be frozen, it has {len(layers)}",
            remedy=f"Choose 0 to {len(layers)}.",
        )
    if not count:
        return
    above = {parameter for layer in layers[count:] for parameter in layer.parameters()}
    for parameter in network.parameters():
        if parameter not in above:
            parameter.requires_grad = False
