"""Networks by name, their checkpoints, and the features that their blocks put out for images."""
