"""Figures of merit of the model and of what it has to beat, on experiments that were not learned from."""

from closedloop.synthesis.evaluation.evaluate import Amounts, Evaluation, evaluate, score
from closedloop.synthesis.evaluation.predicting import LEVELS
from closedloop.synthesis.evaluation.scores import Scores
from closedloop.synthesis.evaluation.shelf import OutputNotWritable, Shelf

__all__ = ["LEVELS", "Amounts", "Evaluation", "OutputNotWritable", "Scores", "Shelf", "evaluate", "score"]
