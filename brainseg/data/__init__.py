"""Reading, making, checking and preparing the data sets."""

VALIDATION_SHARE = 0.2
"""Share of the training list, at its end, that validates where the study says so (Keras's ``validation_split``)."""
