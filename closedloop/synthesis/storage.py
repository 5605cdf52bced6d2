"""A model as one safetensors file: tensors, and JSON in the file's header for everything that is not a tensor.

The header's entry ``closedloop_synthesis`` names the format's version; a file of another version is refused by name
rather than read wrongly. Nothing in such a file is ever executed.
"""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from closedloop.chemistry.vectors import VectorTable
from closedloop.synthesis.amount_choice import AmountChoice
from closedloop.synthesis.blend import Blend
from closedloop.synthesis.errors import ModelFileError
from closedloop.synthesis.learned import Learned, Priors
from closedloop.synthesis.members import Scale
from closedloop.synthesis.network import Network, Settings
from closedloop.synthesis.parts import Parts
from closedloop.synthesis.prediction import Precedent
from closedloop.synthesis.regimes import LeftOut
from closedloop.synthesis.state import part_of
from closedloop.synthesis.success import SuccessModel
from closedloop.synthesis.tokens import Vocabulary
from closedloop.whole_files import write_whole

KEY = "closedloop_synthesis"
VERSION = 4


def write(learned: Learned, path: Path) -> None:
    """Into a temporary file beside ``path``, then renamed. Raises `ModelFileError` where that is impossible."""
    words = learned.vocabulary
    tensors = {f"network.{name}": value for name, value in learned.network.state_dict().items()}
    for prefix, part in (
        ("parts", learned.parts),
        ("blend", learned.blend),
        ("success", learned.success),
        ("amount_choice", learned.amount_choice),
    ):
        tensors |= {f"{prefix}.{name}": value for name, value in part.state().items()}
    tensors["vocabulary"] = torch.as_tensor(words.vectors)
    tensors["groups"] = torch.as_tensor(words.groups)
    own = words.own_vectors.vectors if words.own_vectors else {}
    if own:
        tensors["own_vectors"] = torch.as_tensor(np.stack(list(own.values())))
    header: dict[str, Any] = {
        "version": VERSION,
        "description": learned.description,
        "settings": asdict(learned.network.settings),
        "vocabulary": {
            "chemicals": words.chemicals,
            "condition_centre": words.condition_centre,
            "condition_scale": words.condition_scale,
            "amount_centre": words.amount_centre,
            "amount_scale": words.amount_scale,
            "own_vectors": list(own),
        },
        "scale": asdict(learned.scale),
        "priors": asdict(learned.priors),
        "left_out": asdict(learned.left_out),
        "origins": [(one.source, one.product, one.size_nm) for one in learned.origins],
        "outside_below": learned.outside_below,
        "amounts_learned": learned.amount_choice.trees is not None,
    }
    content = save({name: value.contiguous() for name, value in tensors.items()}, {KEY: json.dumps(header)})
    try:
        write_whole(path, content)
    except OSError as error:
        raise ModelFileError(
            f"{path}: cannot be written ({error.strerror}); choose a folder you may write to"
        ) from error


def read(path: Path) -> Learned:
    """What the model in the file consists of; see `SynthesisModel.load`."""
    try:  # safetensors calls missing whatever it cannot open
        path.open("rb").close()
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: no such model file; check the path, or train one") from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be opened ({error.strerror}); give one that you may read") from error
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            header = json.loads(metadata.get(KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(
            f"{path}: is not a model file, or is cut short ({' '.join(str(error).split())}); copy or train it again"
        ) from error
    if not isinstance(header, dict):
        raise ModelFileError(f"{path}: is a safetensors file but not a synthesis model; give the path of one")
    if header.get("version") != VERSION:
        raise ModelFileError(
            f"{path}: is a model of format version {header.get('version')!r}, and this closedloop reads {VERSION}; "
            "train it again, or use the closedloop that wrote it"
        )
    try:
        words = header["vocabulary"]
        vocabulary = Vocabulary(
            tuple(words["chemicals"]),
            tensors["vocabulary"].numpy(),
            tensors["groups"].numpy(),
            tuple(words["condition_centre"]),
            tuple(words["condition_scale"]),
            words["amount_centre"],
            words["amount_scale"],
            VectorTable(dict(zip(words["own_vectors"], tensors["own_vectors"].numpy(), strict=True)))
            if words["own_vectors"]
            else None,
        )
        network = Network(
            Settings(**header["settings"]), len(vocabulary.chemicals), vocabulary.amount_centre, vocabulary.amount_scale
        )
        network.load_state_dict(part_of(tensors, "network."))
        priors, left_out = header["priors"], header["left_out"]
        shape = None if priors["shape"] is None else tuple(priors["shape"])
        origins = tuple(Precedent(source, product, float(size), 1.0) for source, product, size in header["origins"])
        parts = Parts.from_state(
            part_of(tensors, "parts."), len(vocabulary.chemicals), Counter(one.product for one in origins)
        )
        if len(origins) != len(parts.precedents.values):
            raise ValueError("as many origins as precedents")
        amount_choice = AmountChoice.from_state(part_of(tensors, "amount_choice."))
        if (amount_choice.trees is not None) != header["amounts_learned"]:
            raise ValueError("trees over amounts")
        return Learned(
            vocabulary,
            network,
            parts,
            Blend.from_state(part_of(tensors, "blend.")),
            SuccessModel.from_state(part_of(tensors, "success.")),
            amount_choice,
            Scale(**header["scale"]),
            Priors(shape, priors["success"]),
            LeftOut(tuple(left_out["regimes"]), int(left_out["seed"])),
            origins,
            float(header["outside_below"]),
            str(header["description"]),
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelFileError(
            f"{path}: is damaged ({type(error).__name__}: {' '.join(str(error).split())[:200]}); train it again"
        ) from error
