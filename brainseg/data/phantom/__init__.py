"""Synthetic brain-tumour MRI: a data set in the layout of the real one, free to redistribute.

The anatomy comes from the MNI152 templates that ship inside nilearn; skull, scalp and face are modelled
around them. Tumours, contrast, slices and labels are drawn at random from one seed.
"""

from brainseg.data.phantom.dataset import make_phantom

__all__ = ["make_phantom"]
