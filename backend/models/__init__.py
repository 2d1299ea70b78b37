"""The tables. Importing this package registers every model file in it, so that a new one cannot be forgotten."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
