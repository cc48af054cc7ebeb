"""The numbers in the README are those of the records."""

import pandas as pd
import pytest

from brainseg.experiments.ladder import STEPS
from brainseg.experiments.recorded import recorded
from brainseg.models import MODELS
from brainseg.paper import tables
from brainseg.paper.claims import findings
from brainseg.paper.claims.evidence import Evidence
from brainseg.paper.claims.ledger import counts, evaluate, read_claims
from tests.conftest import REPOSITORY

README = " ".join((REPOSITORY / "README.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def check() -> dict[str, pd.DataFrame]:
    return recorded("tumorseg-check")


def test_verdicts_on_the_table() -> None:
    claims = [claim for claim in read_claims() if claim.group == "table"]
    verdicts = counts(evaluate(claims, Evidence())).loc["table"]
    assert f"Of the {len(claims)} entries of the study's table, {verdicts['reproduced']} are reproduced" in README
    assert f"{verdicts['artefact']} are artefacts, and {verdicts['cannot be tested']} cannot be tested" in README
    assert verdicts.sum() == len(claims) == sum(verdicts[["reproduced", "artefact", "cannot be tested"]])


def test_a_blank_sheet(check: dict[str, pd.DataFrame]) -> None:
    blank = check["areas"].set_index(["split", "mask"])["background_accuracy"].to_dict()["train", "published"]
    assert f"accuracy of {blank:.4f} on the training images" in README
    assert max(Evidence().published("accuracy_baseline").values()) < blank


def test_images_labels_and_patients(check: dict[str, pd.DataFrame]) -> None:
    areas = check["areas"].set_index(["split", "mask"])["images"]
    total = sum(areas[split, "published"] for split in ("train", "valid", "test"))
    assert f"in {total:,} MRI slices" in README
    (slip,) = check["pairing"].to_dict("records")
    (leak,) = check["patients"].query("first == 'train' and second == 'test'").to_dict("records")
    assert f"{slip['images']} of {areas['train', 'published']:,} training images" in README
    assert f"{leak['known']} of {leak['images']} test images" in README
    tumour = check["agreement"].set_index("split")["box_is_tumour"].to_dict()
    assert tumour["all"] < 0.5
    assert "less than half of it is tumour" in README


def test_what_meeting_new_patients_costs() -> None:
    effects = Evidence().step_effects()
    of_networks = effects[effects["label"] == STEPS["patients"]].to_dict("records")
    costs = " and ".join(f"{-change['mean']:.2f} ({change['group']})" for change in of_networks)
    words = f"on true outlines, is lower by {costs} on all {of_networks[0]['images']:,} images"
    assert words in " ".join(README.split())


def test_what_the_study_s_saliency_maps_are() -> None:
    (row,) = evaluate([claim for claim in read_claims() if claim.id == "maps-follow-tumours"], Evidence()).to_dict(
        "records"
    )
    assert (row["verdict"], row["mechanism"]) == ("artefact", "an answer shown as its explanation")
    assert "Its saliency maps are the networks' answers, divided by their largest value" in README


def test_whether_attention_helps() -> None:
    assert tables.answer_on_gates(Evidence().gate_designs()) in README


def test_what_holds_whatever_the_network_and_what_is_confirmed() -> None:
    assert findings.validations_at_half_the_background(Evidence()) == len(MODELS)
    assert findings.matching_parameters(Evidence()) == len(MODELS)
    table = evaluate([claim for claim in read_claims() if claim.id == "deeplab-is-fastest"], Evidence())
    assert table["verdict"].tolist() == ["reproduced"]
