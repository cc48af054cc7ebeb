"""The page of benchmarks says what the record holds."""

from typing import Any

import pandas as pd

from brainseg.experiments.recorded import recorded
from brainseg.paper.build.benchmarks import RECORD, answer, page
from tests.conftest import REPOSITORY


def rows(topic: str, *ratios: tuple[str, str, float]) -> pd.DataFrame:
    found = [{"topic": topic, "work": work, "peer": peer, "ratio": ratio} for work, peer, ratio in ratios]
    return pd.DataFrame(found).assign(ours="brainseg")


def test_the_page_has_a_table_for_each_topic_the_machine_and_the_versions() -> None:
    topics = ("training", "inference", "loading", "morphology", "metrics", "saliency", "ceiling")
    measured: dict[str, Any] = {"ours_ms": 1234.5, "peer_ms": 2.0, "ours_mb": 100.0, "peer_mb": 200.0}
    spread: dict[str, Any] = {"ratio_q1": 0.5, "ratio_q3": 3.0, "clock_ratio": 1.5}
    found = [rows(topic, (f"{topic} work", "another", 2.0)).assign(**measured, **spread) for topic in topics]
    more = rows("images", *(("scores", f"× {k}", float(k)) for k in (2, 4, 8))).assign(**measured, **spread)
    machine = {"date": "2026-01-02", "minutes": 24.6, "processor": "A processor", "cores": 2, "load": 0.12}
    versions = [{"environment": "torch", "package": "torch", "version": "2.13.0"}]
    text = page(
        {
            "ratios": pd.concat([*found, more]),
            "machine": pd.DataFrame([machine]),
            "versions": pd.DataFrame(versions),
        }
    )
    for topic in topics:
        assert f"| {topic} work | another | 1,234.5 | 2.0 | **2.00** [0.50, 3.00] | 1.50 |" in text
    assert "| scores | 2.00 [0.50, 3.00] | 4.00 [0.50, 3.00] | 8.00 [0.50, 3.00] | 100 → 200 |" in text
    assert "Measured on 2026-01-02, in 25 minutes, on A processor with 2 cores" in text
    assert "| torch | torch 2.13.0 |" in text


def test_the_page_in_the_book_is_that_of_the_record() -> None:
    assert (REPOSITORY / "book" / "benchmarks.md").read_text(encoding="utf-8") == page(recorded(RECORD))


def test_the_answer_has_the_range_of_each_peer() -> None:
    found = answer(rows("training", ("a", "PyTorch", 0.876), ("b", "PyTorch", 1.24), ("a", "the study’s code", 14.6)))
    assert found == "**PyTorch takes 0.88 to 1.2 times as long. The study’s code takes 15 times as long.**"


def test_the_answer_says_beside_what_a_peer_was_where_it_is_not_the_usual() -> None:
    found = rows("training", ("a", "PyTorch", 1.6), ("b", "PyTorch", 0.9)).assign(ours=["brainseg, half", "brainseg"])
    assert answer(found) == "**PyTorch takes 1.6 times as long as brainseg, half. PyTorch takes 0.90 times as long.**"


def test_of_more_images_the_answer_is_about_the_most() -> None:
    found = answer(rows("images", ("a", "× 2", 2.0), ("a", "× 8", 7.9), ("b", "× 2", 2.1), ("b", "× 8", 8.4)))
    assert found == "**With 8 times as many, work takes 7.9 to 8.4 times as long.**"


def test_of_several_products_the_fastest_counts() -> None:
    found = answer(rows("ceiling", ("a", "NumPy", 0.6), ("a", "PyTorch", 0.5), ("b", "NumPy", 0.7)))
    assert found == "**A step of training reaches 0.50 to 0.70 of the speed of the fastest matrix product.**"
