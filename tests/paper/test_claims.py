"""The claims ledger: what it refuses, that it is complete, and that every test can give each of its verdicts."""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import ArrayLike

from brainseg.errors import BrainsegError
from brainseg.experiments import recorded as results
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import SCALES
from brainseg.experiments.recorded import SaliencyRecord
from brainseg.experiments.run import Record
from brainseg.models import MODELS
from brainseg.paper.build.prose import glued, resolved
from brainseg.paper.claims import ledger as ledger_module
from brainseg.paper.claims import shown as shown_module
from brainseg.paper.claims.claim import (
    ARTEFACT,
    CANNOT_BE_TESTED,
    CANNOT_TELL,
    NOT_REPRODUCED,
    PARTLY,
    REFUTED,
    REPRODUCED,
    VERDICTS,
    Claim,
)
from brainseg.paper.claims.consistency import broadcast_iou, implied_mean_iou
from brainseg.paper.claims.evidence import Evidence, UntestableError
from brainseg.paper.claims.ledger import as_published, counts, evaluate, failures, read_claims
from brainseg.paper.claims.order import cells
from brainseg.paper.claims.verdicts import ANSWER, TESTS, Outcome
from brainseg.paper.study import MEASURES, PARAMETERS, published_last_epoch, published_table
from brainseg.saliency import cam
from brainseg.scores.metrics import dice as dice_of_images
from brainseg.scores.published import broadcast_scores
from tests.conftest import REPOSITORY, Brainseg
from tests.data_fixtures import Slice, write_split
from tests.paper import quotations
from tests.paper.quotations import plain

BLANK: dict[str, Any] = {
    "table": "areas",
    "row": {"split": "train", "mask": "published"},
    "column": "background_accuracy",
}
ENTRY: dict[str, Any] = {
    "id": "a-claim",
    "maker": "study",
    "quote": "Everything is fine.",
    "place": "README",
    "test": "checked",
    "arguments": BLANK,
    "published": 0.96,
    "tolerance": 0.01,
    "reason": "A hundredth is small.",
    "shown_in": "01_data: Summary",
}
STUDY = REPOSITORY.parent / "shared" / "study"


def write(tmp_path: Path, *entries: object) -> Path:
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump(list(entries)))
    return path


def claim(test: str, published: float | None = None, tolerance: float = 0.0, **arguments: Any) -> Claim:
    return Claim(
        id="claim",
        maker="study",
        quote="words",
        place="README",
        test=test,
        tolerance=tolerance,
        reason="because",
        shown_in="01_data: Summary",
        published=published,
        arguments=arguments,
    )


def outcome(claim: Claim, evidence: Evidence) -> Outcome:
    return TESTS[claim.test](claim, evidence, **claim.arguments)


class MadeUp(Evidence):
    """Evidence of which some is replaced."""

    def __init__(self, **replaced: Any) -> None:
        super().__init__()
        for name, value in replaced.items():
            setattr(self, name, lambda *arguments, value=value: value(*arguments) if callable(value) else value)


# The reader


def test_a_claim_is_read_as_it_is_written(tmp_path: Path) -> None:
    assert read_claims(write(tmp_path, ENTRY)) == [Claim(**ENTRY)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, r"claim 1 \(a-claim\): received the unknown field colour, expected id, maker"),
        ({"reason": None}, "received reason None, expected a text"),
        ({"reason": " "}, "expected a text"),
        ({"test": "guess"}, "received test 'guess', expected one of: alike_after_destruction, base"),
        ({"arguments": {"tables": "areas"}}, r"for the test checked, which takes \(table"),
        ({"arguments": 3}, "received arguments 3, expected a mapping"),
        ({"tolerance": "5e-05"}, "received tolerance '5e-05', expected a number"),
        ({"tolerance": -1}, "expected a number, 0 or more"),
        ({"published": True}, "received published True, expected a number"),
        ({"maker": "me"}, "received maker 'me', expected one of: study, book"),
        ({"id": "A claim"}, "received id 'A claim', expected small letters"),
        ({"shown_in": "01_data"}, "expected a section, as NN_name: Heading"),
    ],
)
def test_a_wrong_field_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainsegError, match=message):
        read_claims(write(tmp_path, ENTRY | change))


@pytest.mark.parametrize("field", ["id", "maker", "quote", "place", "test", "tolerance", "reason"])
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    with pytest.raises(BrainsegError, match=f"the field {field} is missing"):
        read_claims(write(tmp_path, {name: value for name, value in ENTRY.items() if name != field}))


def test_an_id_stands_once(tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match="received the id a-claim twice"):
        read_claims(write(tmp_path, ENTRY, ENTRY))


@pytest.mark.parametrize("text", ["a: [", "a: 1", "- 3", "[]"])
def test_what_is_no_ledger_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "claims.yml").write_text(text)
    with pytest.raises(BrainsegError, match=r"claims\.yml"):
        read_claims(tmp_path / "claims.yml")
    with pytest.raises(BrainsegError, match="cannot be read"):
        read_claims(tmp_path / "nowhere.yml")


# The ledger of this book


@pytest.fixture(scope="module")
def ledger() -> list[Claim]:
    return read_claims()


def test_the_table_is_there_entry_by_entry(ledger: list[Claim]) -> None:
    entries = {claim.id: claim for claim in ledger if claim.group == "table"}
    assert len(entries) == 24
    table = published_table()
    for model in MODELS:
        for metric in MEASURES:
            for baseline, end in ((True, "-baseline"), (False, "")):
                entry = entries[f"{model}-{metric.replace('_', '-')}{end}"]
                assert entry.published == table.loc[model, f"{metric}_baseline" if baseline else metric]
                assert (entry.test, entry.arguments["model"]) == (f"table_{metric}", model)
                assert entry.arguments.get("baseline", False) == baseline


def test_there_are_eleven_claims_in_words_and_the_book_has_its_own(ledger: list[Claim]) -> None:
    groups = pd.Series([claim.group for claim in ledger]).value_counts()
    assert groups["words"] == 11
    assert groups["book"] >= 40
    assert all(claim.published is not None for claim in ledger if claim.group == "book")


def test_every_test_is_used(ledger: list[Claim]) -> None:
    assert {claim.test for claim in ledger} == set(TESTS)


def test_quotations_of_the_study_are_verbatim(ledger: list[Claim]) -> None:
    for claim in ledger:
        if claim.maker == "study":
            assert quotations.is_known(claim.quote, quotations.TEXTS[not claim.place.startswith("README")]), claim.id


def test_words_that_the_study_did_not_write_are_not_known() -> None:
    quote = "the modified DeepLab model gave the highest and best performance"
    assert quotations.is_known(quote, quotations.TEXTS[0])
    assert not quotations.is_known(quote.replace("highest", "lowest"), quotations.TEXTS[0])
    assert not quotations.is_known("", quotations.TEXTS[0])


def test_the_hashes_are_those_of_the_texts() -> None:
    if not STUDY.is_dir():
        pytest.skip(f"the study's texts are not at {STUDY}; their hashes are compared with the quotations")
    texts = {name: quotations.hashed((STUDY / name).read_text(encoding="utf-8")) for name in quotations.TEXTS}
    assert json.loads(quotations.KNOWN.read_text(encoding="utf-8")) == texts


AUDIT = 11
"""The chapter that shows the ledger."""


def test_quotations_of_the_book_are_verbatim(ledger: list[Claim]) -> None:
    """In the chapter's text, or in what the recorded results make it say."""
    for claim in ledger:
        if claim.maker == "book":
            number = int(claim.place.removeprefix("chapter "))
            (script,) = (REPOSITORY / "notebooks").glob(f"{number:02d}_*.py")
            if not (executed := script.with_suffix(".ipynb")).is_file():
                continue  # the tests of the references say so
            notebook = nbformat.read(executed, as_version=4)
            values = glued(notebook)
            parts = [resolved(cell.source, values) for cell in notebook.cells if cell.cell_type == "markdown"]
            for cell in notebook.cells if number != AUDIT else []:  # its tables print the ledger itself
                for output in cell.get("outputs", []):
                    parts += [str(output.get("data", {}).get(kind, "")) for kind in ("text/markdown", "text/plain")]
            assert plain(claim.quote) in plain("\n".join(parts)), claim.id


def test_what_shows_a_claim_is_a_section_of_a_chapter(ledger: list[Claim]) -> None:
    for claim in ledger:
        chapter, heading = claim.shown_in.split(": ", 1)
        text = (REPOSITORY / "notebooks" / f"{chapter}.py").read_text(encoding="utf-8")
        assert heading in re.findall(r"^# #+ (.*)$", text, re.MULTILINE), claim.id


# Verdicts on the records


@pytest.fixture(scope="module")
def table(ledger: list[Claim]) -> pd.DataFrame:
    return evaluate(ledger, Evidence())


def test_no_claim_of_the_book_fails_on_the_records(table: pd.DataFrame) -> None:
    assert failures(table)["id"].tolist() == []
    untested = table[(table["maker"] == "book") & (table["verdict"] != REPRODUCED)]
    assert all(name.startswith("live-") for name in untested["id"])


def test_verdicts_on_the_study(table: pd.DataFrame) -> None:
    found = table.set_index("id")["verdict"]
    assert set(found) <= set(VERDICTS)
    entries = as_published(table, "verdict")
    assert (entries[[("Dice", "study"), ("mean IoU", "study")]] == ARTEFACT).all(axis=None)
    assert (entries["Dice", "baseline"] == CANNOT_BE_TESTED).all()
    partly = ("pixel-wise-labels", "tumour-and-no-tumour", "deeplab-is-best", "channel-and-spatial-attention")
    assert set(found[list(partly)]) == {PARTLY}
    assert found["deeplab-is-fastest"] == REPRODUCED
    assert found["maps-follow-tumours"] == ARTEFACT


def test_the_table_of_verdicts_says_why_and_from_what(table: pd.DataFrame) -> None:
    assert (table["why"].str.len() > 10).all()
    assert ((table["mechanism"] != "") == (table["verdict"] == ARTEFACT)).all()
    sources = table.set_index("id")["sources"]
    assert sources["unet-accuracy"] == ["the study's table", "tumorseg-check", "tumorseg-full-full"]
    assert sources["attention-improves"] == ["tumorseg-small-folds", "tumorseg-small-gates"]
    assert json.loads(table.to_json(orient="records"))[0]["measured"] is None
    assert counts(table).to_numpy().sum() == len(table)
    assert as_published(table, "published").loc["U-Net", ("Dice", "study")] == 0.3624


@pytest.mark.slow
def test_the_images_give_the_verdicts_that_their_record_gives(ledger: list[Claim], real_data: Path) -> None:
    claims = [claim for claim in ledger if claim.test == "checked"]
    anew = evaluate(claims, Evidence(data=real_data))
    assert set(anew["verdict"]) == {REPRODUCED}
    assert {name for sources in anew["sources"] for name in sources} == {"the images at hand"}


def test_a_failing_claim_of_the_book_fails_the_command(
    tmp_path: Path, brainseg: Brainseg, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ENTRY | {"maker": "book"}
    for value, status in ((0.9628, 0), (0.5, 1)):
        path = write(tmp_path, own | {"published": value})
        monkeypatch.setattr(ledger_module, "read_claims", lambda file, own=path: read_claims(own))
        assert brainseg("claims", "--json", tmp_path / "verdicts.json") == status
        assert "a-claim: Measured: 0.9628" in capsys.readouterr().out
        (row,) = json.loads((tmp_path / "verdicts.json").read_text())
        assert row["verdict"] == (NOT_REPRODUCED if status else REPRODUCED)


def test_a_ledger_of_ones_own_is_about_ones_own_images(
    tmp_path: Path, brainseg: Brainseg, capsys: pytest.CaptureFixture[str]
) -> None:
    write_split(tmp_path / "data" / "train", [Slice(1), Slice(2, [])])
    patients = {"table": "findings", "column": "total", "row": {"finding": "patients in more than one split"}}
    labelled = {"table": "areas", "column": "images", "row": {"split": "train", "mask": "label"}}
    claims = [
        {"id": "patients", "arguments": patients, "published": 2},
        {"id": "labels", "arguments": labelled, "published": 2},
    ]
    path = write(tmp_path, *({**ENTRY, "tolerance": 0, **one} for one in claims))
    verdicts = tmp_path / "verdicts.json"
    assert brainseg("claims", path, "--data", tmp_path / "data", "--patient", ".", "--json", verdicts) == 0
    found = {one["id"]: (one["measured"], one["verdict"]) for one in json.loads(verdicts.read_text())}
    assert found == {"patients": (2, REPRODUCED), "labels": (1, NOT_REPRODUCED)}
    assert brainseg("claims", path) == 2
    assert "and no images, expected --data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table": "area"}, "received table 'area', expected one of: findings, "),
        ({"column": "size"}, "received column of areas 'size', expected one of: split, mask"),
        ({"row": {"split": "valid"}}, r"areas has 3 rows with \{'split': 'valid'\}, expected one"),
    ],
)
def test_a_number_that_is_in_no_table_is_an_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainsegError, match=message):
        outcome(claim("checked", 1, **(BLANK | change)), Evidence())


# The tests of the table's entries


def full_run(model: str, value: float, seed: int = 0) -> Record:
    history = pd.DataFrame({metric: [0.0, value] for metric in MEASURES})
    return Record(f"{model}-{seed}", recipe_at("published", model, SCALES["full"], seed), history, pd.DataFrame(), {})


def entry(model: str, metric: str, baseline: bool = False, tolerance: float = 0.0045) -> Claim:
    value = float(published_table()[f"{metric}_baseline" if baseline else metric].to_dict()[model])
    return claim(f"table_{metric}", value, tolerance, model=model, baseline=baseline)


def test_accuracy_near_that_of_a_blank_mask_is_an_artefact() -> None:
    found = outcome(entry("unet", "accuracy"), MadeUp(blank_mask=0.9650, published_runs=[]))
    assert (found.verdict, found.measured) == (ARTEFACT, 0.9650)
    assert outcome(entry("unet", "accuracy"), MadeUp(blank_mask=0.90, published_runs=[])).verdict == CANNOT_BE_TESTED
    assert "65% of the way" in outcome(entry("unet", "accuracy"), MadeUp(blank_mask=0.9031, published_runs=[])).why


@pytest.mark.parametrize("model", MODELS)
def test_a_baseline_cannot_be_tested_by_a_network_of_its_name(model: str) -> None:
    same = [full_run(model, 0.97)]
    found = outcome(entry(model, "accuracy", baseline=True), MadeUp(blank_mask=0.9728, published_runs=same))
    assert found.verdict == CANNOT_BE_TESTED
    assert found.why.startswith("No code is published for the baseline. It is below the 0.9728")


@pytest.mark.parametrize(("value", "verdict"), [(0.9720, REPRODUCED), (0.95, NOT_REPRODUCED)])
def test_with_a_run_at_the_study_s_size_an_entry_is_compared(value: float, verdict: str) -> None:
    runs = [full_run("linknet", value + step, seed) for seed, step in enumerate((-0.001, 0.001))]
    found = outcome(entry("linknet", "accuracy"), MadeUp(blank_mask=0.90, published_runs=runs))
    assert found.verdict == verdict
    assert found.measured == pytest.approx(value)
    assert "2 seeds" in found.why


def test_half_the_background_is_an_artefact_even_if_it_is_reproduced() -> None:
    claim = entry("segnet", "mean_iou", tolerance=0.002)
    found = outcome(claim, MadeUp(blank_mask=0.4812, published_runs=[full_run("segnet", 0.4811)]))
    assert (found.verdict, found.measured) == (ARTEFACT, 0.4812)
    assert "again at the study's size: 0.4811" in found.why
    assert outcome(claim, MadeUp(blank_mask=0.47, published_runs=[])).verdict == CANNOT_BE_TESTED
    assert outcome(claim, MadeUp(blank_mask=0.47, published_runs=[full_run("segnet", 0.4811)])).verdict == REPRODUCED
    assert outcome(claim, MadeUp(blank_mask=0.47, published_runs=[full_run("segnet", 0.60)])).verdict == NOT_REPRODUCED


def test_a_training_value_is_an_artefact_and_another_value_is_not() -> None:
    claim = entry("deeplab", "dice", tolerance=0.13)
    log = published_last_epoch()
    found = outcome(claim, MadeUp(published_runs=[]))
    assert (found.verdict, found.measured) == (ARTEFACT, log.loc["deeplab", "val_dice"])
    both = MadeUp(published_runs=[], logged=lambda column: {"deeplab": 0.5756})
    assert outcome(claim, both).verdict == CANNOT_BE_TESTED
    other = MadeUp(published_runs=[full_run("deeplab", 0.50)], logged=lambda column: {"deeplab": 0.4})
    assert outcome(claim, other).verdict == REPRODUCED
    other = MadeUp(published_runs=[full_run("deeplab", 0.30)], logged=lambda column: {"deeplab": 0.4})
    assert outcome(claim, other).verdict == NOT_REPRODUCED


def test_an_entry_that_is_not_the_table_s_is_refused() -> None:
    wrong = dataclasses.replace(entry("unet", "dice"), published=0.9624)
    with pytest.raises(BrainsegError, match=r"received the published value 0\.9624, expected the table's 0\.3624"):
        outcome(wrong, MadeUp(published_runs=[]))


def test_of_the_runs_at_the_study_s_size_those_as_published_are_read() -> None:
    evidence = Evidence()
    found = [run.recipe for run in evidence.published_runs()]
    assert sorted(found, key=lambda recipe: MODELS.index(recipe.model)) == [
        recipe_at("published", model, SCALES["full"]) for model in MODELS
    ]
    assert list(evidence.used) == ["tumorseg-full-full"]


@pytest.mark.parametrize(
    "name", ["ladder_table", "gate_designs", "guidance", "guided_maps", "saliency", "published_runs"]
)
def test_a_recorded_experiment_that_is_missing_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: str) -> Path:
        raise BrainsegError(f"{path} is missing")

    monkeypatch.setattr(results, "resource", gone)
    for reader in (results.recorded_runs, results.recorded_saliency):
        reader.cache_clear()
    with pytest.raises(BrainsegError, match=r"results/tumorseg-.* is missing"):
        getattr(Evidence(), name)()


# The tests of what is claimed in words


def effects(**intervals: tuple[float, float]) -> pd.DataFrame:
    rows = [{"label": label, "low": low, "high": high} for label, (low, high) in intervals.items()]
    about = {"images": 50, "patients": 30, "trainings": 5, "lower": 2}
    return pd.DataFrame(rows).assign(mean=lambda table: (table["low"] + table["high"]) / 2, **about)


GAIN, LOSS, NOTHING, UNCLEAR = (0.01, 0.05), (-0.05, -0.01), (-0.01, 0.015), (-0.01, 0.05)


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (GAIN, GAIN, REPRODUCED),
        (GAIN, NOTHING, PARTLY),
        (GAIN, UNCLEAR, PARTLY),
        (NOTHING, UNCLEAR, REFUTED),
        (LOSS, UNCLEAR, REFUTED),
        ((0.001, 0.015), UNCLEAR, REFUTED),  # a gain, of nothing that matters
        (UNCLEAR, UNCLEAR, CANNOT_TELL),
    ],
)
def test_gates_improve_if_they_do_so_in_every_network(
    one: tuple[float, float], other: tuple[float, float], verdict: str
) -> None:
    both = effects(**{"U-Net": one, "SegNet": other})
    evidence = MadeUp(gate_designs=both)
    assert outcome(claim("gates_improve", tolerance=0.02), evidence).verdict == verdict


AHEAD_OF_DEEPLAB = {"unet": 0.6, "deeplab": 0.5}
DEEPLAB_AHEAD = {"unet": 0.5, "deeplab": 0.6}


def test_one_training_says_nothing_of_designs() -> None:
    once = effects(**{"U-Net": LOSS, "SegNet": LOSS}).assign(low=np.nan, high=np.nan, trainings=1)
    assert outcome(claim("gates_improve"), MadeUp(gate_designs=once)).verdict == CANNOT_TELL
    pair = effects(**{"U-Net − Modified DeepLab": LOSS}).assign(low=np.nan, high=np.nan, trainings=1)
    evidence = MadeUp(model_designs=pair, full_means=AHEAD_OF_DEEPLAB, full_accuracies=AHEAD_OF_DEEPLAB)
    assert outcome(claim("best_network", model="deeplab"), evidence).verdict == CANNOT_TELL


def test_a_claim_about_what_is_not_recorded_cannot_be_tested() -> None:
    with pytest.raises(UntestableError, match="SegNet and another network are not both recorded"):
        outcome(claim("best_network", model="segnet"), MadeUp(model_designs=effects(**{"U-Net − LinkNet": (0, 1)})))


@pytest.mark.parametrize(
    ("pairs", "verdict", "margin"),
    [
        ({"U-Net − Modified DeepLab": (-0.3, -0.1), "Modified DeepLab − SegNet": (0.1, 0.2)}, PARTLY, 0.15),
        ({"U-Net − Modified DeepLab": (-0.3, 0.1), "Modified DeepLab − SegNet": (0.1, 0.2)}, CANNOT_TELL, 0.1),
        ({"U-Net − Modified DeepLab": (-0.01, 0.01), "Modified DeepLab − SegNet": (0.1, 0.2)}, REFUTED, 0),
        ({"U-Net − Modified DeepLab": (0.1, 0.3), "U-Net − SegNet": (-0.9, -0.8)}, REFUTED, -0.2),
    ],
)
def test_the_best_network_is_ahead_of_all(pairs: dict[str, tuple[float, float]], verdict: str, margin: float) -> None:
    evidence = MadeUp(model_designs=effects(**pairs), full_means=DEEPLAB_AHEAD, full_accuracies=AHEAD_OF_DEEPLAB)
    found = outcome(claim("best_network", tolerance=0.02, model="deeplab"), evidence)
    assert found.verdict == verdict
    assert found.measured == pytest.approx(margin)
    assert "number 1 by Dice on borders, on one fold's patients, where training is corrected, and number 2" in found.why
    assert found.why.endswith("In the last lines of the study's logs it is number 2 by that accuracy.")


@pytest.mark.parametrize(("lead", "verdict"), [(LOSS, REPRODUCED), (UNCLEAR, PARTLY), (GAIN, PARTLY)])
def test_the_network_with_the_highest_accuracy_is_best_in_part(lead: tuple[float, float], verdict: str) -> None:
    pairs = effects(**{"U-Net − Modified DeepLab": lead})
    evidence = MadeUp(model_designs=pairs, full_means=AHEAD_OF_DEEPLAB, full_accuracies=DEEPLAB_AHEAD)
    assert outcome(claim("best_network", tolerance=0.02, model="deeplab"), evidence).verdict == verdict


@pytest.mark.parametrize(("quartile", "verdict"), [(90, REPRODUCED), (97, NOT_REPRODUCED), (120, NOT_REPRODUCED)])
def test_the_fastest_network_is_faster_by_more_than_the_tolerance(quartile: float, verdict: str) -> None:
    times = pd.DataFrame(
        {
            "model": MODELS,
            "batch_1_q1_ms": [100.0, 110, 120, 80],
            "batch_1_median_ms": [110.0, 120, 130, 85],
            "batch_1_q3_ms": [120.0, 130, 140, quartile],
        }
    )
    found = outcome(claim("fastest_network", tolerance=0.05, model="deeplab"), MadeUp(efficiency=times))
    assert found.verdict == verdict
    assert found.measured == pytest.approx(85 / 110)


@pytest.mark.parametrize(("low", "verdict"), [(0.001, REPRODUCED), (-0.001, PARTLY)])
def test_postprocessing_improves_if_it_does_so_everywhere(low: float, verdict: str) -> None:
    changes = pd.DataFrame({"change": [0.02, 0.01], "low": [0.01, low], "high": [0.03, 0.02]})
    evidence = MadeUp(processing=changes, finding={"count": 0, "total": 9})
    assert outcome(claim("postprocessing_improves"), evidence).verdict == verdict
    small = outcome(claim("postprocessing_improves", tolerance=0.05), evidence)
    assert small.verdict == REFUTED
    assert small.measured == pytest.approx(0.015)


def test_a_map_of_another_layer_or_that_differs_is_not_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shown_module.maps_and_answers.__wrapped__
    assert whole(16)["same"].all()
    monkeypatch.setitem(shown_module.NAMED, "segnet", 87)
    assert whole(16)["same"].to_dict() == {"unet": True, "linknet": True, "segnet": False, "deeplab": True}
    monkeypatch.setattr(cam, "published_grad_cam", lambda target: np.zeros(target.images.shape[:3]))
    assert not whole(16)["same"].any()


def map_scores(**energy: ArrayLike) -> pd.DataFrame:
    n = np.size(next(iter(energy.values())))
    about = {
        "map": "CAM",
        "number": range(n),
        "patient": [f"p{i}" for i in range(n)],
        "area": np.linspace(0.01, 0.1, n),
    }
    return pd.concat(pd.DataFrame({**about, "model": model, "energy": values}) for model, values in energy.items())


@pytest.mark.parametrize(
    ("unet", "verdict"),
    [
        ([0.8] * 12, REPRODUCED),
        ([0.2] * 12, PARTLY),
        ([0.1] * 4 + [0.9] * 8, PARTLY),  # worse on the smallest third
    ],
)
def test_maps_follow_tumours_if_they_do_so_in_every_pair_and_on_small_tumours(unet: list[float], verdict: str) -> None:
    scores = map_scores(unet=unet, deeplab=[0.9] * 12, linknet=[0.4] * 12, segnet=[0.3] * 12)
    shown = pd.DataFrame({"apart": [0.0, 0.1], "same": [True, False]})
    words = claim("maps_follow_tumours", closely=["unet", "deeplab"], less=["linknet", "segnet"], answer="CAM")
    record = SaliencyRecord(scores, pd.DataFrame())
    assert outcome(words, MadeUp(saliency=record, maps_and_answers=shown)).verdict == verdict
    found = outcome(words, MadeUp(saliency=record, maps_and_answers=shown.assign(apart=0.0, same=True)))
    assert (found.verdict, found.measured) == (ARTEFACT, 0.0)


def test_maps_that_are_answers_show_no_influence_and_of_others_nothing_is_known() -> None:
    answers = pd.DataFrame({"apart": [0.0, 1e-7], "same": True})
    found = outcome(claim("maps_show_influence"), MadeUp(maps_and_answers=answers))
    assert (found.verdict, found.measured, found.mechanism) == (ARTEFACT, 1e-7, ANSWER)
    with pytest.raises(UntestableError, match="not all its networks' answers"):
        outcome(claim("maps_show_influence"), MadeUp(maps_and_answers=answers.assign(same=[True, False])))


@pytest.mark.parametrize(
    ("unet", "deeplab", "verdict"),
    [(GAIN, GAIN, REPRODUCED), (GAIN, NOTHING, PARTLY), (LOSS, LOSS, REFUTED), (UNCLEAR, UNCLEAR, CANNOT_TELL)],
)
def test_guidance_is_judged_by_its_largest_weight(
    unet: tuple[float, float], deeplab: tuple[float, float], verdict: str
) -> None:
    rows = [
        {"score": score, "model": model, "weight": weight, "difference": sum(ends) / 2}
        | {"difference_low": ends[0], "difference_high": ends[1]}
        for score in ("energy", "dice")
        for model, largest in (("unet", unet), ("deeplab", deeplab))
        for weight, ends in ((0.0, (np.nan, np.nan)), (0.3, GAIN), (1.0, largest if score == "energy" else LOSS))
    ]
    found = outcome(claim("guidance_draws_maps_to_tumours"), MadeUp(guidance=pd.DataFrame(rows)))
    assert found.verdict == verdict
    assert found.measured == pytest.approx(np.mean([*unet, *deeplab]))
    assert found.why.endswith("at the same time: U-Net -0.03 [-0.05, -0.01], Modified DeepLab -0.03 [-0.05, -0.01].")


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [(GAIN, GAIN, REPRODUCED), (GAIN, NOTHING, PARTLY), (LOSS, NOTHING, REFUTED), (UNCLEAR, UNCLEAR, CANNOT_TELL)],
)
def test_gates_reduce_overfitting_if_they_narrow_every_gap(
    one: tuple[float, float], other: tuple[float, float], verdict: str
) -> None:
    evidence = MadeUp(gap_designs=effects(**{"U-Net": one, "SegNet": other}))
    assert outcome(claim("gates_reduce_overfitting", tolerance=0.02), evidence).verdict == verdict


@pytest.mark.parametrize(
    ("numbers", "healthy", "verdict"),
    [
        ((700, 200, 100), 0, PARTLY),
        ((700, 200, 100), 300, REPRODUCED),
        ((500, 300, 200), 0, PARTLY),
        ((50, 30, 20), 300, PARTLY),
        ((50, 30, 20), 0, NOT_REPRODUCED),
    ],
)
def test_a_data_set_with_and_without_tumours_has_both(
    numbers: tuple[int, int, int], healthy: int, verdict: str
) -> None:
    areas = pd.DataFrame({"split": ["train", "valid", "test"], "mask": "border", "images": numbers})
    found = {"images without a border": healthy}
    evidence = MadeUp(check=areas, finding=lambda name: {"count": found.get(name, 0), "total": sum(numbers)})
    words = claim("has_images_without_tumour", 1050, tolerance=100, shares=[0.7, 0.2, 0.1])
    assert outcome(words, evidence).verdict == verdict


@pytest.mark.parametrize(("boxes", "verdict"), [(100, PARTLY), (50, PARTLY), (2, REPRODUCED)])
def test_labels_are_outlines_if_few_are_rectangles(boxes: int, verdict: str) -> None:
    evidence = MadeUp(finding={"count": boxes, "total": 100}, agreement=0.4)
    assert outcome(claim("labels_are_outlines", tolerance=0.05), evidence).verdict == verdict


@pytest.mark.parametrize(
    ("kind", "verdict"), [("both", REPRODUCED), ("gate", PARTLY), ("channel", PARTLY), ("none", NOT_REPRODUCED)]
)
def test_the_kind_of_attention_is_told_by_the_number_of_parameters(kind: str, verdict: str) -> None:
    rows = [
        {"model": model, "attention": name, "parameters": parameters + (kind not in (name, "both"))}
        for model, parameters in PARAMETERS.items()
        for name in ("gate", "channel", "spatial")
    ]
    evidence = MadeUp(efficiency=pd.DataFrame(rows))
    words = claim("uses_attention", kinds={"channel": ["channel"], "spatial": ["spatial", "gate"]})
    assert outcome(words, evidence).verdict == verdict


# Measurements


def test_a_measurement_is_compared_within_the_tolerance() -> None:
    for value, verdict in ((0.963, REPRODUCED), (0.97, NOT_REPRODUCED)):
        words = claim("checked", value, 0.0005, **BLANK)
        found = outcome(words, Evidence())
        assert (found.verdict, round(found.measured or 0, 4)) == (verdict, 0.9628)
    with pytest.raises(BrainsegError, match="measures a number, and none is published"):
        outcome(claim("checked", **BLANK), Evidence())


def test_what_is_shown_live_needs_a_workspace() -> None:
    row = evaluate([claim("live_mean_iou_spread", 0.0)], Evidence()).to_dict("records")[0]
    assert (row["verdict"], row["measured"], row["difference"]) == (CANNOT_BE_TESTED, None, None)
    assert "brainseg claims --live" in row["why"]


def test_live_measurements_on_drawn_labels() -> None:
    class Drawn:
        masks: Mapping[str, Any] = {"box": np.zeros((3, 8, 8), np.uint8)}

        def rows(self, split: str) -> slice:
            return slice(None)

    class Live:
        prepared = Drawn()

    for image, (top, left) in enumerate(((1, 2), (2, 2), (3, 4))):
        Live.prepared.masks["box"][image, top : top + 3, left : left + 4] = 1
    evidence = Evidence(workspace=Live())  # type: ignore[arg-type]
    for name in ("live_mean_iou_spread", "live_half_the_background", "live_stretched_pairs"):
        assert outcome(claim(name, 0.0, 1e-9), evidence).verdict == REPRODUCED
        assert outcome(claim(name, 0.1, 1e-9), evidence).verdict == NOT_REPRODUCED


# Arithmetic


def test_implied_mean_iou_is_that_of_masks() -> None:
    random = np.random.default_rng(0)
    truth, answer = random.random((2, 1, 40, 40)) < np.array([0.2, 0.3]).reshape(2, 1, 1, 1)
    right = (truth & answer).sum()
    tumour, background = ((a & b).sum() / (a | b).sum() for a, b in ((truth, answer), (~truth, ~answer)))
    accuracy, dice = float((truth == answer).mean()), float(dice_of_images(answer, truth)[0])
    assert 0 < right < truth.sum()
    assert implied_mean_iou(accuracy, dice) == pytest.approx((tumour + background) / 2)


def test_stretched_pairs_are_tied() -> None:
    random = np.random.default_rng(1)
    truth, answer = random.random((2, 16, 16)) < 0.3
    pair = broadcast_scores(answer, truth)
    assert broadcast_iou(pair["dice"], 16) == pytest.approx(pair["iou"])


def test_counts_of_cells_are_those_of_the_study() -> None:
    table = cells()
    trained = table[table["cell"] == "trained"].set_index("part")["count"]
    assert trained.to_dict() == {"unet": 74, "linknet": 63, "segnet": 69, "deeplab": 54}
    assert set(table["part"]) == {"data", "gate", *MODELS}
