"""An autonomous laboratory for colloidal nanocrystals: a target goes in, recipes come out, a lab makes them."""

import os
from importlib.metadata import version

# Threads that wait for one another give their core away in place of spinning, or a picture takes ten times as long
# beside any other program (decision 0129). Read when torch is first imported; whoever has set it has their way.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = version("closedloop")
