"""How the segmenter learns: samples, their augmentation, what is to be predicted, and the training itself."""
