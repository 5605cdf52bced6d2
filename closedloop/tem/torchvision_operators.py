"""Make torchvision importable where its compiled part does not load, so that EasyOCR can be imported.

EasyOCR imports torchvision for two networks' layers. torchvision registers shape functions for its operators ``nms``
and ``qnms`` when it is imported, and that fails ("operator torchvision::nms does not exist") where its compiled part
was built for another torch than the one installed: package indexes that carry torch for the CPU alone often pair it
with torchvision's build for CUDA. Nothing here calls the operators, so it is enough that their names exist.
"""

from typing import Any

_SCHEMAS = (
    ("nms", "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
    ("qnms", "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
)
_kept_alive: list[Any] = []  # A torch.library.Library takes its definitions with it when it is collected.


def declare_missing_operators() -> bool:
    """Declare what torchvision lacks, and say whether anything was lacking; call before the first import of it."""
    import sys

    if "torchvision" in sys.modules or _kept_alive or _compiled_part_loads():
        return False
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for _, schema in _SCHEMAS:
        library.define(schema)
    _kept_alive.append(library)
    return True


def _compiled_part_loads() -> bool:
    """Whether torchvision's ``_C`` can be loaded into this torch; loading it twice does no harm."""
    import importlib.util
    from pathlib import Path

    import torch

    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return False
    for part in Path(package.origin).parent.glob("_C*"):
        if part.suffix in {".so", ".pyd", ".dylib"}:
            try:
                torch.ops.load_library(str(part))
            except (ImportError, OSError):
                continue
            return True
    return False
