"""Records of runs with made-up scores."""

import numpy as np
import pandas as pd

from brainseg.experiments.recipe import SCALES, Recipe
from brainseg.experiments.run import Record

SMALL = SCALES["small"]


def record(recipe: Recipe, dice: float = 0.6, seed: int = 0) -> Record:
    """A record of 40 images of 20 patients; the odd ones are test images by patient, 2 in 4 of them in both splits."""
    number = np.arange(40)
    by_patient = np.where(number // 2 % 2, "test", "train")
    as_published = np.where(number % 2, "test", "train")
    values = np.clip(dice + np.random.default_rng(seed).normal(0, 0.05, 40), 0, 1)
    scores = pd.DataFrame(
        {
            "split": as_published if recipe.split == "published" else by_patient,
            "published_split": as_published,
            "patient_split": by_patient,
            "number": number,
            "patient": [f"p{n // 2}" for n in number],
            "tumour_type": "glioma",
            "labelled": 0.1,
            "predicted": 0.1,
            "dice": values + 0.1,
            "border_dice": values,
            "border_iou": values / (2 - values),
            "border_precision": values,
            "border_recall": values,
            "border_specificity": 0.99,
            "border_surface_dice": values,
            "border_hd95_px": 5.0,
        }
    )
    history = pd.DataFrame({"epoch": [1, 2], "dice": [0.1, 0.33]})
    made = {"made_with": {"device": "CPU"}, "finished": "2026-01-02T03:04:05", "seconds": 1800.0, "pipeline": "nothing"}
    return Record(f"{recipe.model}-{recipe.id}", recipe, history, scores, made)
