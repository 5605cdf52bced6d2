"""An autonomous laboratory for colloidal nanocrystals: a target goes in, recipes come out, a lab makes them."""

from importlib.metadata import version

__version__ = version("closedloop")
