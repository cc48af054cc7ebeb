"""What the interactive parts bring to a page. How they answer is tested in a browser, see tests/browser."""

import json
import re

import numpy as np

from brainseg.plotting.lab import LOOKS, SCRIPT, bits, code, part, source, still


def test_a_part_holds_its_data_whatever_is_in_them() -> None:
    content = {"title": "</script><b>", "mask": bits(np.eye(8))}
    page = part("find", content, still(b"\x89PNG", "A <b>."))
    found = re.findall(r'<script type="application/json">(.*?)</script>', page)
    assert [json.loads(text) for text in found] == [content]
    assert "A &lt;b&gt;." in page


def test_a_page_gets_less_than_30_kb_of_script_and_no_address() -> None:
    assert len(source(SCRIPT).encode()) < 30_000
    assert len(source(LOOKS).encode()) < 10_000
    assert set(re.findall(r"https?://[\w./]+", source(SCRIPT) + source(LOOKS))) == {"http://www.w3.org/2000/svg"}
    assert "/*" not in code()


def test_the_script_of_the_network_is_small_and_has_no_address() -> None:
    script = source("lab_network.js")
    assert len(script.encode()) < 14_000
    assert "://" not in script
