"""Modules that consist of others, as in torch.nn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from .._core import Module


class _Numbered(Module):
    """Children named "0", "1", ..., or by names of their own."""

    def __len__(self) -> int:
        return len(self.children())

    def __iter__(self) -> Iterator[Module]:
        return iter(self.children())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Any: ...
    def __getitem__(self, index: int | slice) -> Any:
        if not isinstance(index, slice):
            return self.children()[index]
        part = type(self)()
        for name, module in self.named_children()[index]:
            part.add_module(name if isinstance(self, Sequential) else str(len(part)), module)
        return part

    def __setitem__(self, index: int, module: Module) -> None:
        name, _ = self.named_children()[index]
        self.add_module(name, module)

    def __delitem__(self, index: int | slice) -> None:
        modules = self.children()
        del modules[index]
        self._refill(modules)

    def _refill(self, modules: Iterable[Module]) -> None:
        for name, _ in self.named_children():
            delattr(self, name)
        for place, module in enumerate(modules):
            self.add_module(str(place), module)

    def append(self, module: Module) -> Any:
        """Adds a child under its position, and gives the container."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Adds a child before the one at a position; all get their positions as names."""
        modules = self.children()
        modules.insert(index, module)
        self._refill(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """Takes a child away, and gives it."""
        module = self.children()[index]
        del self[index]
        return module

    def extend(self, modules: Iterable[Module]) -> Any:
        """Adds several."""
        for module in modules:
            self.append(module)
        return self


class Sequential(_Numbered):
    """Children one after another: Sequential(a, b), or of a dictionary of names and modules."""

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        for module in modules:
            if isinstance(module, Mapping):
                for name, one in module.items():
                    self.add_module(name, one)
            else:
                self.append(module)

    def forward(self, *inputs: Any) -> Any:
        """What each child makes of what the one before it gave."""
        (x,) = inputs
        for module in self.children():
            x = module(x)
        return x


class ModuleList(_Numbered):
    """Children that forward() of their owner calls as it likes."""

    _is_list = True  # printed with equal neighbours once

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)


class ModuleDict(Module):
    """Children under names of their own."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        super().__init__()
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Adds children, or puts them in the place of those of the same name."""
        for name, module in dict(modules).items():
            self.add_module(name, module)

    def pop(self, name: str) -> Module:
        """Takes a child away, and gives it."""
        module = self[name]
        del self[name]
        return module

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __getitem__(self, name: str) -> Module:
        return dict(self.named_children())[name]

    def __delitem__(self, name: str) -> None:
        delattr(self, name)

    def __len__(self) -> int:
        return len(self.children())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: str) -> bool:
        return name in self.keys()

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, _ in self.named_children()]

    def values(self) -> list[Module]:
        """The children."""
        return self.children()

    def items(self) -> list[tuple[str, Module]]:
        """Names and children."""
        return self.named_children()
