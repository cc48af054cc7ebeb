"""Shipped weights: what an export holds, that it opens with any backend, and what is refused."""

import gzip
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from brainseg.app.export import export
from brainseg.app.recompute import network_beside, read_kept, recompute, records_in
from brainseg.app.weights import SHIPPED, Weights, shipped
from brainseg.data import FOLDS
from brainseg.data.dataset import open_dataset
from brainseg.data.prepare import Prepared, prepare
from brainseg.errors import BrainsegError
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import Scale
from brainseg.experiments.recorded import recorded_runs
from brainseg.experiments.run import Record, Run, open_run
from brainseg.experiments.stored import restored
from brainseg.experiments.train import train
from brainseg.models import MODELS, TITLES, as_input
from brainseg.models.exchange import to_onnx, weights_by_name
from brainseg.models.predict import answered, predict
from brainseg.paper.build import cards
from brainseg.paper.display import ABSENT
from brainseg.scores import THRESHOLD
from brainseg.scores.metrics import dice
from tests.backends import OTHER_BACKENDS, on_backend
from tests.conftest import REPOSITORY
from tests.data_fixtures import write_dataset

LARGEST = 14e6


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    root = write_dataset(tmp_path_factory.mktemp("data"))
    return prepare(root, 32, root / "prepared")


@pytest.fixture(scope="module")
def run(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = recipe_at("corrected", "unet", Scale("tiny", 32, 2, 3, epochs=3))
    return train(recipe, prepared, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def exported(run: Run, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return export(run, prepared, "tumorseg", tmp_path_factory.mktemp("weights"))


@pytest.fixture
def folder(exported: Weights, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(exported.file.parent, tmp_path / "copy"))


def test_what_is_exported_is_the_run_with_kernels_in_half_precision(
    exported: Weights, run: Run, prepared: Prepared
) -> None:
    opened = shipped("unet", exported.file.parent)
    assert opened.name == run.name
    assert opened.recipe == run.recipe
    for kept, trained in zip(opened.model.get_weights(), run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, trained.astype(np.float16) if trained.ndim > 1 else trained)
    probability = predict(opened.model, prepared.images, mirrored=True)
    np.testing.assert_allclose(probability, run.probability, atol=0.01)
    np.testing.assert_allclose(answered(opened.answer, prepared.images, mirrored=True), probability, atol=1e-6)
    marked = probability > THRESHOLD
    np.testing.assert_allclose(opened.scores["dice"], dice(marked, prepared.masks["border"]), atol=1e-4)


def test_an_export_says_what_rounding_and_an_upright_head_change(
    exported: Weights, run: Run, prepared: Prepared
) -> None:
    test = (run.scores["split"] == "test").to_numpy()
    marked = predict(exported.model, prepared.images, mirrored=True) > THRESHOLD
    before, after = run.scores["border_dice"][test], dice(marked, prepared.masks["border"])[test]
    half = exported.provenance["half_precision"]
    assert half["largest"] == pytest.approx((after - before).abs().max(), abs=1e-6)
    assert half["mean_before"] == pytest.approx(before.mean(), abs=1e-6)
    assert half["mean_after"] == pytest.approx(after.mean(), abs=1e-6)
    turned = predict(exported.model, np.rot90(prepared.images[test][:, :, ::-1], axes=(1, 2)), mirrored=True)
    borders = np.rot90(prepared.masks["border"][test][:, :, ::-1], axes=(1, 2))
    assert exported.provenance["upright"] == pytest.approx(np.nanmean(dice(turned > THRESHOLD, borders)), abs=1e-5)
    assert exported.provenance["sha256"] == hashlib.sha256(exported.file.read_bytes()).hexdigest()


def test_the_same_run_is_exported_to_the_same_bytes(
    exported: Weights, run: Run, prepared: Prepared, tmp_path: Path
) -> None:
    again = export(run, prepared, "tumorseg", tmp_path)
    for name in ("unet.onnx", "unet.json.gz"):
        assert (again.file.parent / name).read_bytes() == (exported.file.parent / name).read_bytes()


def test_a_file_that_has_changed_is_refused(folder: Path) -> None:
    content = bytearray((folder / "unet.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "unet.onnx").write_bytes(content)
    for opened in ("model", "answer"):
        with pytest.raises(BrainsegError, match=r"unet.onnx has changed since its export: .* install brainseg again"):
            getattr(shipped("unet", folder), opened)


def test_arrays_of_another_shape_or_name_are_refused(exported: Weights) -> None:
    arrays = weights_by_name(exported.model)
    wider = replace(exported.recipe, width=4)
    with pytest.raises(BrainsegError, match=r"U-Net with 32 pixels and width 4: received shape .* expected shape"):
        restored(wider, arrays)
    name = next(iter(arrays))
    with pytest.raises(BrainsegError, match=f"received no array for {name}, expected shape"):
        restored(exported.recipe, {key: values for key, values in arrays.items() if key != name})
    with pytest.raises(BrainsegError, match=r"received shape \(1,\) for more, expected no array"):
        restored(exported.recipe, arrays | {"more": np.zeros(1)})


def test_records_that_are_missing_spoilt_or_of_another_model_are_refused(folder: Path) -> None:
    with pytest.raises(BrainsegError, match=r"there is no file .*segnet.json.gz: .* that folder has unet"):
        shipped("segnet", folder)
    with pytest.raises(BrainsegError, match="received model 'resnet'"):
        shipped("resnet", folder)
    shutil.copy(folder / "unet.json.gz", folder / "linknet.json.gz")
    with pytest.raises(BrainsegError, match="is a record of unet, expected one of linknet"):
        shipped("linknet", folder)
    (folder / "unet.json.gz").write_bytes(b"hello")
    with pytest.raises(BrainsegError, match="cannot be read, expected what brainseg export writes"):
        shipped("unet", folder)


def test_a_file_that_holds_no_network_is_refused(folder: Path) -> None:
    (folder / "unet.onnx").write_bytes(b"hello")
    record = json.loads(gzip.decompress((folder / "unet.json.gz").read_bytes()))
    record["provenance"]["sha256"] = hashlib.sha256(b"hello").hexdigest()
    (folder / "unet.json.gz").write_bytes(gzip.compress(json.dumps(record).encode()))
    with pytest.raises(BrainsegError, match="received 5 bytes that are no ONNX file: export the network again"):
        _ = shipped("unet", folder).model
    with pytest.raises(BrainsegError, match="received no network that ONNX Runtime opens, export it again"):
        _ = shipped("unet", folder).answer


def test_other_data_and_kernels_beyond_half_precision_are_refused(run: Run, prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match="was trained on examples with the fingerprint"):
        export(run, replace(prepared, images=np.asarray(prepared.images) // np.uint8(2)), "tumorseg", tmp_path)
    large = open_run(run.folder, prepared)
    large.model.layers[1].set_weights([1e6 * values for values in large.model.layers[1].get_weights()])
    with pytest.raises(BrainsegError, match="too large for half precision"):
        export(large, prepared, "tumorseg", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_variance_beyond_half_precision_is_kept(run: Run, prepared: Prepared, tmp_path: Path) -> None:
    spread = open_run(run.folder, prepared)
    norm = next(layer for layer in spread.model.layers if layer.name.endswith("_norm"))
    norm.moving_variance.assign(norm.moving_variance + 1e5)
    opened = export(spread, prepared, "tumorseg", tmp_path).model.get_layer(norm.name)
    for kept, trained in zip(opened.get_weights(), norm.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, trained)


ANSWER = """
import sys
from pathlib import Path
import numpy as np
from brainseg.models import as_input
from brainseg.app.weights import shipped
ramp = np.linspace(0, 255, 32 * 32).reshape(1, 32, 32).astype(np.uint8)
print(shipped("unet", Path(sys.argv[1])).model.predict_on_batch(as_input(ramp)).astype(float).ravel().tolist())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_weights_open_with_every_backend(exported: Weights, backend: str) -> None:
    ramp = np.linspace(0, 255, 32 * 32).reshape(1, 32, 32).astype(np.uint8)
    here = exported.model.predict_on_batch(as_input(ramp)).ravel()
    there = json.loads(on_backend(backend, "-c", ANSWER, str(exported.file.parent)))
    np.testing.assert_allclose(there, here, atol=1e-4)


def test_all_networks_are_shipped_in_few_bytes() -> None:
    assert {path.stem for path in SHIPPED.glob("*.onnx")} == set(MODELS)
    assert sum(path.stat().st_size for path in SHIPPED.iterdir() if path.is_file()) < LARGEST


@pytest.mark.parametrize("model", MODELS)
def test_a_shipped_network_is_corrected_and_held_its_test_patients_out(model: str) -> None:
    network = shipped(model)
    assert network.model.count_params() > 1000
    assert network.recipe == replace(network.recipe, training="corrected", labels="border", split="patient")
    assert network.provenance["dataset"] == "tumorseg"
    assert (
        abs(network.provenance["half_precision"]["mean_after"] - network.provenance["half_precision"]["mean_before"])
        < 0.001
    )
    patients = network.scores.groupby("split")["patient"].agg(set)
    assert not patients["test"] & (patients["train"] | patients["valid"])


def test_the_page_of_cards_is_what_the_records_give() -> None:
    kept = (REPOSITORY / "book" / "models.md").read_text(encoding="utf-8")
    folds = (*recorded_runs("folds"), *recorded_runs("laptop-folds"))
    page = cards.page([shipped(model) for model in MODELS], folds)
    assert kept == page, "run: python -m brainseg.paper.build cards"


def test_folds_are_shown_on_the_test_images_of_a_network_and_on_all() -> None:
    network = shipped(MODELS[0])
    run = recorded_runs("folds")[0]
    own = network.scores["split"].to_numpy() == "test"
    scores = network.scores.assign(split="test", border_dice=np.where(own, 0.5, 0.25))
    smaller = replace(run, recipe=replace(run.recipe, model=network.recipe.model), scores=scores)
    doubled = scores.assign(border_dice=2 * scores["border_dice"])
    as_large = replace(smaller, recipe=replace(smaller.recipe, size=network.recipe.size), scores=doubled)
    row, all_images = f"| {TITLES[network.recipe.model]} | 0.50 |", 0.25 + 0.25 * own.mean()
    assert f"{row} {all_images:.2f} | {ABSENT} | {ABSENT} |" in cards.page([network], [smaller])
    assert f"{row} {all_images:.2f} | 1.00 | {2 * all_images:.2f} |" in cards.page([network], [smaller, as_large])


def test_the_example_on_the_page_works(capsys: pytest.CaptureFixture[str]) -> None:
    page = (REPOSITORY / "book" / "models.md").read_text(encoding="utf-8")
    exec(page.split("```python\n")[1].split("```")[0], {})  # noqa: S102 (the page's own example)
    assert capsys.readouterr().out.startswith("(640, 640) ")


def test_a_card_groups_all_test_images_by_type_and_by_size() -> None:
    network = shipped(MODELS[0])
    test = network.scores[network.scores["split"] == "test"]
    groups = cards.card(network).split("Dice by type and size of the tumour:")[1]
    rows = [line.strip("| ").split(" | ") for line in groups.splitlines() if line.startswith("| ")][2:]
    counts = {name: int(number) for name, _, number, _ in rows}
    by_type = {name: number for name, number in counts.items() if name in {"meningioma", "glioma", "pituitary"}}
    by_size = [number for name, number in counts.items() if " third: " in name]
    assert by_type == {name: int(n) for name, n in test["tumour_type"].value_counts().items()}
    assert sum(by_size) == len(test)
    assert max(by_size) - min(by_size) <= 0.02 * len(test)


def written(record: Record, folder: Path) -> Path:
    path = folder / "record.json.gz"
    path.write_bytes(gzip.compress(record.to_json().encode(), mtime=0))
    return path


@pytest.fixture
def beside(run: Run, tmp_path: Path) -> Path:
    """The record of a run whose network lies beside it."""
    path = written(run, tmp_path)
    network_beside(path).write_bytes(to_onnx(run.model))
    return path


def test_a_record_is_given_again_image_by_image_and_a_forged_one_is_not(beside: Path, prepared: Prepared) -> None:
    known = read_kept(beside)
    found = recompute(known, prepared)
    test = known.record.scores["split"] == "test"
    assert found.now.index.tolist() == known.record.scores.loc[test, "number"].tolist()
    assert found.agrees
    assert found.differences.to_numpy().max() <= 0.51e-4
    forged = known.record.scores.copy()
    forged["border_dice"] += 0.01
    assert not recompute(replace(known, record=replace(known.record, scores=forged)), prepared).agrees


def test_a_record_is_given_again_by_the_network_that_comes_with_the_package(
    exported: Weights, run: Run, prepared: Prepared, tmp_path: Path
) -> None:
    folder = exported.file.parent
    of_export, of_run = (read_kept(written(record, tmp_path), folder) for record in (exported.record, run))
    assert recompute(of_export, prepared).agrees
    assert of_export.rounded == 0
    assert of_run.rounded == exported.provenance["half_precision"]["largest"]


def test_a_record_without_network_or_of_other_images_cannot_be_given_again(
    beside: Path, prepared: Prepared, tmp_path: Path
) -> None:
    known = read_kept(beside)
    fewer = replace(known.record, scores=known.record.scores.iloc[1:])
    with pytest.raises(BrainsegError, match=r"expected the .* of the record"):
        recompute(replace(known, record=fewer), prepared)
    network_beside(beside).unlink()
    with pytest.raises(BrainsegError, match=r"no network of the run .* was kept: .* took \d+ minutes on"):
        read_kept(beside, tmp_path / "none")


@pytest.mark.parametrize("step", ["another network", "no network"])
def test_a_network_that_is_not_the_records_is_refused(beside: Path, run: Run, step: str) -> None:
    other = restored(run.recipe, {name: -values for name, values in weights_by_name(run.model).items()})
    network_beside(beside).write_bytes(to_onnx(other) if step == "another network" else b"no network")
    with pytest.raises(
        BrainsegError, match=r"record\.onnx is not the network of the record beside it .*: check both out"
    ):
        read_kept(beside)


def test_of_a_folder_the_records_with_a_network_are_taken(beside: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    shutil.copy(beside, folder / "alone.json.gz")
    assert records_in([beside.parent, folder / "alone.json.gz"]) == [beside, folder / "alone.json.gz"]
    with pytest.raises(BrainsegError, match="other has no record with its network beside it"):
        records_in([folder])


def test_networks_that_lie_beside_their_records_are_theirs() -> None:
    networks = sorted((REPOSITORY / "results").glob("tumorseg-*/*.onnx"))
    kept = [read_kept(path.with_suffix(".json.gz")) for path in networks]
    assert {known.record.recipe.fold for known in kept if known.record.recipe.model == "deeplab"} == set(range(FOLDS))


@pytest.mark.slow
def test_the_recorded_folds_with_networks_are_given_again_on_the_studys_images(real_data: Path) -> None:
    prepared = open_dataset("tumorseg", real_data).prepared(64)
    for path in records_in([REPOSITORY / "results" / "tumorseg-small-folds"]):
        assert recompute(read_kept(path), prepared).agrees
