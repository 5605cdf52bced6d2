"""Makes the weights that ship with the package: ``python -m closedloop.synthesis.train_default``.

Writes ``weights/cdse2022.safetensors`` and the model card beside it, with the seed, a hash of the experiments and what
the model scores on papers that it has not seen.
"""

import hashlib
import sys
from collections.abc import Sequence

from closedloop.literature import load_experiments, split
from closedloop.recipes import Experiment
from closedloop.synthesis.evaluation import Scores, evaluate
from closedloop.synthesis.model import DEFAULT_WEIGHTS, SynthesisModel

SEED = 0
DATA = "cdse2022"


def data_hash(experiments: Sequence[Experiment]) -> str:
    """SHA-256 over the experiments as JSON, in order."""
    digest = hashlib.sha256()
    for experiment in experiments:
        digest.update(experiment.model_dump_json().encode() + b"\n")
    return digest.hexdigest()


def main() -> None:
    experiments = load_experiments(DATA)

    def progress(part: float, words: str) -> None:
        print(f"\r{part:4.0%} {words:<60}", end="", file=sys.stderr, flush=True)

    model = SynthesisModel.fit(experiments, SEED, device="cpu", progress=progress)
    digest = data_hash(experiments)
    model.with_description(f"{DATA} ({digest[:12]}): {model.description}").save(DEFAULT_WEIGHTS)
    scores = {
        name: {
            one: evaluate(experiments, split(experiments, name), one, seed=SEED, progress=progress).overall
            for one in ("transformer", "extra-trees", "median")
        }
        for name in ("random", "source")
    }
    DEFAULT_WEIGHTS.with_suffix(".md").write_text(card(model, experiments, digest, scores), encoding="utf-8")
    print(f"\n{DEFAULT_WEIGHTS} ({DEFAULT_WEIGHTS.stat().st_size} bytes)", file=sys.stderr)


def card(
    model: SynthesisModel, experiments: Sequence[Experiment], digest: str, scores: dict[str, dict[str, Scores]]
) -> str:
    """The model card, in Markdown."""
    weights = sum(values.numel() for values in model.network.parameters())
    sources = len({experiment.source for experiment in experiments})
    rows = [
        f"| {by} | {name} | {one.mae_nm:.3f} | {one.rmse_nm:.3f} | {one.coverage_90:.3f} | {one.width_90_nm:.2f} |"
        for by, by_model in scores.items()
        for name, one in by_model.items()
    ]
    lines = [
        f"# Synthesis model, {DATA}",
        "",
        f"- Made by `python -m closedloop.synthesis.train_default`, seed {SEED}, on the CPU.",
        f"- Learned from {len(experiments)} published hot-injection CdSe recipes of {sources} papers (MIT licence).",
        f"- SHA-256 of the experiments: {digest}.",
        f"- {model.network.settings.members} members, {weights} weights, {len(model.vocabulary.chemicals)} chemicals.",
        "- Predicts the mean diameter of CdSe nanocrystals, and of nothing else: no other product was seen.",
        "- The data name no shape: each prediction warns that shape is a prior. They hold no failure: the chance of",
        "  success was learned from failures that were made of the successes (docs/hard-negatives.md), and says so.",
        "",
        "Five folds, nothing chosen on a fold that is scored. `random` keeps one synthesis that was sampled at several",
        "times together, `source` keeps papers together. Intervals are meant to hold 90%.",
        "",
        "| split | model | MAE, nm | RMSE, nm | coverage | width, nm |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
