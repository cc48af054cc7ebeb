"""A published brain-tumour segmentation study, re-run, explained and corrected on the same images."""

__version__ = "1.0.0"
