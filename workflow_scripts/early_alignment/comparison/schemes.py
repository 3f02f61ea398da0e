"""How subjects are averaged, and what rows of tables call it; names alone, so that whoever reads a table needs no more.

Two schemes average over subjects. `subjects_then_average` compares the network with each subject, and tables and
figures average what was found. `average_then_correlate` averages the subjects' RDMs, each normalised as the measure
does not mind, and compares the network with that average: less noise, and a higher value.
"""

EACH, AVERAGE = SCHEMES = ("subjects_then_average", "average_then_correlate")
"""What the column `scheme` says."""
OF_ALL = "average"
"""What the column `subject` calls the average of all subjects: of their RDMs, or of units that they have in common."""
NORMALISED, RAW = "normalised", "raw"
"""What the column `averaged` says of averages of RDMs: each normalised as the measure does not mind, as rsatoolbox
does, or as it is."""
NO_CONTROL = "none"
"""What the column `control` says where nothing is partialled out."""
