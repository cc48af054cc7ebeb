"""The networks that come with the repository are those that the code trains, bit for bit."""

import json
from pathlib import Path

import pytest

from brainseg.experiments.recipe import Recipe
from brainseg.experiments.stored import FOLDER
from brainseg.experiments.train import examples_of, run_name
from brainseg.experiments.workspace import Workspace
from brainseg.paper.build.agreement import same_arithmetic
from brainseg.paper.build.asked import recipes

REPOSITORY = Path(__file__).resolve().parents[1]
RECIPES = recipes(REPOSITORY / "notebooks")

each_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.model}-{recipe.id}")


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace()


def stored(recipe: Recipe, workspace: Workspace) -> Path:
    name = run_name(recipe, examples_of(recipe, workspace.prepared))
    return REPOSITORY / FOLDER / f"{name}.json"


@each_recipe
def test_stored_networks_are_of_the_code_as_it_is(recipe: Recipe, workspace: Workspace) -> None:
    assert stored(recipe, workspace).is_file(), "what decides it has changed since: make reference"


def test_no_other_network_is_stored(workspace: Workspace) -> None:
    assert set((REPOSITORY / FOLDER).glob("*.json")) == {stored(recipe, workspace) for recipe in RECIPES}


@each_recipe
def test_training_gives_the_stored_weights_before_and_after_rounding(recipe: Recipe, workspace: Workspace) -> None:
    if not same_arithmetic():
        pytest.skip("this processor is not x86-64 with AVX2: trainings agree statistically, not in their bytes")
    made, kept = workspace.run(recipe).provenance, json.loads(stored(recipe, workspace).read_text())["provenance"]
    assert made["finished"] != kept["finished"], "this network was not trained anew: make verify"
    assert made["weights"] == kept["weights"]
