"""What an answer is worth: binary masks, metrics, the study's own measures, statistics."""
