"""A user's own vectors of chemicals reach the model and its file."""

from pathlib import Path

import numpy as np
import pytest

from closedloop.chemistry.vectors import GRAPH_SIZE, VectorTable
from closedloop.recipes import Experiment
from closedloop.synthesis import SynthesisModel
from closedloop.synthesis.training import Schedule


def test_own_vectors_stand_in_for_the_encoders_and_are_stored(literature: list[Experiment], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ["cadmium oxide", "oleic acid", "1-octadecene", "selenium", "a ligand of our own"]
    np.savez(tmp_path / "own.npz", names=np.array(names), features=rng.normal(size=(5, 7)))
    table = VectorTable.load(tmp_path / "own.npz")
    fitted = SynthesisModel.fit(literature, schedule=Schedule(steps=5), vectors=table)
    place = fitted.vocabulary.chemicals.index("oleic acid")
    own = table.find("oleic acid")
    assert own is not None
    assert np.array_equal(fitted.vocabulary.vectors[place, 1 : 1 + GRAPH_SIZE], own)
    fitted.save(tmp_path / "m.safetensors")
    read = SynthesisModel.load(tmp_path / "m.safetensors")
    # A chemical that training never met is described by the stored table too.
    first = literature[0].recipe
    ligand = first.reagents[1].model_copy(update={"name": "a ligand of our own"})
    changed = first.model_copy(update={"reagents": (first.reagents[0], ligand, *first.reagents[2:])})
    said = [model.predict([changed])[0] for model in (fitted, read)]
    assert said[0].size_nm == pytest.approx(said[1].size_nm, rel=1e-5)
    assert any("judged by its structure" in words for words in said[1].warnings)
