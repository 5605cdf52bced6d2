"""An autonomous laboratory for colloidal nanocrystals: a target goes in, recipes come out, a lab makes them."""

import os

# Threads that wait for one another give their core away in place of spinning, or a picture takes ten times as long
# beside any other program (decision 0129). Read when torch is first imported; whoever has set it has their way.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__: str


def __getattr__(name: str) -> str:
    """The version is looked up when it is asked for: that alone would take longer than all that is imported here."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version(__name__)
