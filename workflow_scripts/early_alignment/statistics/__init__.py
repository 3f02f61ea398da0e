"""What follows from all alignments of an experiment: tables, ceilings, errors."""
