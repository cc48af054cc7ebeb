"""What an answer is worth: binary masks, metrics, the study's own measures, statistics."""

THRESHOLD = 0.5
"""A pixel is called tumour where its probability exceeds this."""
