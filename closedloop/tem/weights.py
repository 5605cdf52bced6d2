"""The network's weights in a safetensors file: half precision on disk, single in memory, read once per process."""

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from closedloop.recipes import ClosedloopError
from closedloop.whole_files import whole

if TYPE_CHECKING:
    from closedloop.tem.network import ParticleNet

SHIPPED = Path(__file__).with_name("model") / "particles.safetensors"
FROZEN = SHIPPED.with_name("frozen")  # rendered images that fine-tuned weights must not be worse on
VERSION = 3
_KIND = "closedloop particle network"


class UnreadableWeights(ClosedloopError):
    """A file of weights is damaged, of another kind, or of another version."""


def save_weights(path: Path, net: "ParticleNet", about: dict[str, Any]) -> None:
    """Written whole or not at all. `about`, plain JSON values, says how they came to be (`learning.course`)."""
    import torch
    from safetensors.torch import save_file

    state = {
        name: (value.half() if value.dtype == torch.float32 else value).contiguous()
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    with whole(path) as draft:
        save_file(state, draft, {"kind": _KIND, "version": str(VERSION), "about": json.dumps(about)})


def load_weights(path: Path = SHIPPED, device: str = "cpu") -> "ParticleNet":
    """A network that is ready to look; the same one for every caller. Raises `UnreadableWeights`."""
    _check(path)
    return _ready(path, path.stat().st_mtime_ns, device)


def trainable(path: Path = SHIPPED) -> "ParticleNet":
    """A network of its own that can learn on. Raises `UnreadableWeights`."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from closedloop.tem.network import ParticleNet

    about(path)
    net = ParticleNet()
    try:
        state = {name: value.float() for name, value in load_file(path).items()}
        missing, unexpected = net.load_state_dict(state, strict=False)
    except (SafetensorError, OSError, RuntimeError) as error:
        raise UnreadableWeights(f"{path}: damaged or of another network; train it again") from error
    if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
        raise UnreadableWeights(f"{path}: is of another network; train it again")
    return net


def about(path: Path) -> dict[str, Any]:
    """What was written beside the weights when they were saved."""
    from safetensors import SafetensorError, safe_open

    _check(path)
    try:
        with safe_open(path, "pt") as opened:
            found = opened.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UnreadableWeights(f"{path}: cannot be read as weights ({error}); train them again") from error
    if found.get("kind") != _KIND:
        raise UnreadableWeights(f"{path}: holds no weights of the segmenter; give a file that `tem train` wrote")
    if found.get("version") != str(VERSION):
        raise UnreadableWeights(
            f"{path}: is of version {found.get('version')}, this program reads {VERSION}; train it again"
        )
    content: dict[str, Any] = json.loads(found.get("about", "{}"))
    return content


def _check(path: Path) -> None:
    """Opened here once, for safetensors calls missing whatever it cannot open."""
    try:
        path.open("rb").close()
    except FileNotFoundError as error:
        raise UnreadableWeights(
            f"{path}: there is no such file of weights; train one with `closedloop tem train`"
        ) from error
    except OSError as error:
        raise UnreadableWeights(f"{path}: cannot be opened ({error.strerror}); give one that you may read") from error


@lru_cache(maxsize=2)
def _ready(path: Path, modified: int, device: str) -> "ParticleNet":
    """`modified` makes a file that was written anew a new one."""
    import torch

    from closedloop.tem.network import multiplies_bfloat16

    net = trainable(path).ready(short=multiplies_bfloat16(device))
    # Two calls: torch's types know no call of `to` with both.
    return net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
