"""Training that may be ended at any moment: recipe, loop, processes, labelled images."""
