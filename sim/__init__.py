"""A simulated laboratory: reactor, microscope, and virtual instruments that speak the real wire protocols."""
