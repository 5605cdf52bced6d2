"""Instruments over pyserial, one file per device family; found through the entry points, never imported."""
