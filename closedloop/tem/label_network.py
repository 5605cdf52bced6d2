"""The small network that reads labels: digits, marks and the letters of length units, and "#" for any other sign.

A second reader beside EasyOCR's, which has never seen a µ. Its weights lie in ``model/labels.safetensors`` with their
model card; `closedloop.tem.label_training` makes them. What its letters mean is for `closedloop.tem.scale_decoding`.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from closedloop.tem.ocr import Letters
from closedloop.threads import one_thread

WEIGHTS = Path(__file__).parent / "model" / "labels.safetensors"
# u stands for µ too, A for Å.
LETTERS = "0123456789.,numA#"
HEIGHT, WIDEST = 32, 208
_COLUMN = 4  # pixels


class LabelNet(nn.Module):
    """(n, 1, HEIGHT, w) between −1 (black) and 1 -> (n, w / 4, 1 + letters) logits; class 0 is the blank."""

    def __init__(self) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, size: int, stride: int = 1) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        self.look = nn.Sequential(
            *block(1, 16, 5, 2),
            *block(16, 32, 3),
            nn.MaxPool2d(2),
            *block(32, 56, 3),
            nn.MaxPool2d((2, 1)),
            *block(56, 88, 3),
        )
        self.fold = nn.Sequential(nn.Conv2d(88, 88, (4, 1), bias=False), nn.BatchNorm2d(88), nn.ReLU(inplace=True))
        self.along = nn.Sequential(
            nn.Conv1d(88, 88, 5, padding=2), nn.ReLU(inplace=True), nn.Conv1d(88, 88, 5, padding=2), nn.ReLU(True)
        )
        self.name = nn.Conv1d(88, 1 + len(LETTERS), 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        columns = self.fold(self.look(pictures))[:, :, 0]
        return torch.as_tensor(self.name(columns + self.along(columns))).transpose(1, 2)


def prepared(picture: NDArray[np.uint8], width: int | None = None) -> NDArray[np.float32]:
    """(HEIGHT, w) uint8 -> (HEIGHT, width) float32 from −1 to 1, white at its right end."""
    width = width or picture.shape[1] + 2 * _COLUMN
    width = -(-width // _COLUMN) * _COLUMN
    padded = np.full((HEIGHT, width), 255, np.uint8)
    padded[:, : picture.shape[1]] = picture
    return padded.astype(np.float32) / np.float32(127.5) - 1


def read_label_line(picture: NDArray[np.uint8]) -> Letters:
    """The one line of text that fills a grey picture (H, W) uint8, dark on light, as probabilities of letters.

    A few milliseconds on one core.
    """
    import cv2

    height, width = picture.shape
    factor = HEIGHT / height
    size = (int(np.clip(round(width * factor), 8, WIDEST)), HEIGHT)
    if size != (width, height):
        picture = np.asarray(
            cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA), np.uint8
        )
    with one_thread(), torch.inference_mode():
        given = torch.from_numpy(prepared(picture))[None, None]
        letters = torch.softmax(_ready()(given), dim=2)[0].numpy()
    return Letters(letters, LETTERS)


@cache
def _ready() -> LabelNet:
    from safetensors.torch import load_file

    net = LabelNet()
    state: dict[str, Any] = {name: value.float() for name, value in load_file(WEIGHTS).items()}
    net.load_state_dict(state, strict=False)  # what counts batches matters to training alone
    return net.eval()
