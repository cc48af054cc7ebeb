"""Races on quick work: what is recorded, what is refused, and that the peers' networks are ours."""

import json
import os
import subprocess
from dataclasses import replace

import pytest

from benchmarks.__main__ import key_of, worse
from benchmarks.cleaning import race
from benchmarks.environments import requirements
from benchmarks.harness import ENVIRONMENTS, ROOT, RaceError, Side, run
from benchmarks.training import SCALES, has_bfloat16, races
from brainseg.models import MODELS, build

QUICK = replace(race("opening 2", count=5, rounds=3), seconds=0.01)
TORCH = ENVIRONMENTS / "torch" / "bin" / "python"


def test_a_race_has_a_row_for_each_peer_and_the_versions_of_each_side() -> None:
    rows, versions = run(QUICK)
    assert [row["peer"] for row in rows] == ["scikit-image, mask by mask", "SciPy, mask by mask"]
    for row in rows:
        assert (row["topic"], row["work"], row["ours"], row["rounds"]) == ("morphology", "opening 2", "brainseg", 3)
        assert 0 < row["ratio_q1"] <= row["ratio"] <= row["ratio_q3"]
        assert row["ours_ms"] > 0 < row["peer_ms"]
        assert row["ours_mb"] > 20
    assert {"python", "numpy", "scipy", "skimage"} <= {row["package"] for row in versions}
    assert {row["environment"] for row in versions} == {"brainseg"}


def test_sides_with_other_answers_are_refused() -> None:
    other = replace(QUICK.ours, title="closing", options={"operation": "closing 2", "count": 5})
    with pytest.raises(RaceError, match=r"closing gave an answer that differs by .* \(opening 2\)"):
        run(replace(QUICK, peers=(other,)))
    fewer = replace(QUICK.ours, title="fewer", options={"operation": "opening 2", "count": 4})
    with pytest.raises(RaceError, match=r"shape \(4, 128, 128\), expected \(5, 128, 128\)"):
        run(replace(QUICK, peers=(fewer,)))


def test_a_side_that_ends_says_why() -> None:
    broken = Side("broken", "cleaning:ours", {"operation": "polish", "count": 1})
    with pytest.raises(RaceError, match=r"exit status 1 from broken [\s\S]*received the operation 'polish'"):
        run(replace(QUICK, ours=broken))


def test_sides_inherit_no_settings_of_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "no number")
    monkeypatch.setenv("KERAS_BACKEND", "none")
    assert run(replace(QUICK, peers=QUICK.peers[1:])).rows
    assert os.environ["KERAS_BACKEND"] == "none"


@pytest.mark.parametrize(
    ("topic", "ratio", "recorded", "lost"), [("morphology", 2.0, 8.0, 4.0), ("images", 16.0, 8.0, 2.0)]
)
def test_of_more_images_a_high_ratio_is_bad_else_a_low_one(
    topic: str, ratio: float, recorded: float, lost: float
) -> None:
    assert worse({"topic": topic, "ratio": ratio}, recorded) == lost


def test_every_row_has_a_name_of_its_own() -> None:
    keys = [key_of({"topic": r.topic, "work": r.work, "peer": peer.title}) for r in races() for peer in r.peers]
    assert len(keys) == len(set(keys)) == 4 * (2 * 2 + 2 * has_bfloat16() + 1)


def test_every_environment_of_a_peer_is_pinned() -> None:
    lines = [line for name in ("torch", "openvino", "xplique") for line in requirements(name).splitlines()]
    assert all(line.startswith("#") or "==" in line for line in lines)


@pytest.mark.slow
@pytest.mark.skipif(not TORCH.exists(), reason="make bench makes the environment with PyTorch")
def test_the_networks_in_pytorch_have_the_parameters_of_ours() -> None:
    width = SCALES["64 px"]["width"]
    code = (
        "import json\nfrom benchmarks.pytorch import network\n"
        f"nets = {{name: network(name, {width}) for name in {MODELS}}}\n"
        "print(json.dumps({name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()}))"
    )
    found = subprocess.run([TORCH, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    ours = {name: build(name, size=64, width=width, normalisation="batch").trainable_variables for name in MODELS}
    assert json.loads(found.stdout) == {
        name: sum(int(variable.value.numpy().size) for variable in variables) for name, variables in ours.items()
    }
