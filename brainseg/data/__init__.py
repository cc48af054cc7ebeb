"""Reading, making, checking and preparing the data sets."""

VALIDATION_SHARE = 0.2
"""Share of the training list, at its end, that validates where the study says so (Keras's ``validation_split``)."""

FOLDS = 5
"""Parts of a data set, each of which is the test set once, see :mod:`brainseg.data.split`."""
