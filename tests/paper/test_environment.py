"""pyproject.toml says what is needed, requirements.lock what exactly is installed, environment.yml the same."""

import re
import tomllib
from importlib.metadata import version

import yaml
from packaging.requirements import Requirement

from tests.conftest import REPOSITORY

LOCKED = re.compile(r"^([a-z0-9][\w.-]*==[^\\]+?) *\\?$", re.MULTILINE)
EXTRAS_IN_LOCK = ("tensorflow", "jax", "book", "dev")


def locked() -> list[str]:
    return LOCKED.findall((REPOSITORY / "requirements.lock").read_text())


def pins() -> dict[str, Requirement]:
    return {requirement.name: requirement for requirement in map(Requirement, locked())}


def test_the_lock_satisfies_every_requirement_of_the_package() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *(line for extra in EXTRAS_IN_LOCK for line in extras[extra])]
    for requirement in map(Requirement, needed):
        (pin,) = pins()[requirement.name].specifier
        assert requirement.specifier.contains(pin.version), requirement


def test_the_conda_environment_installs_the_lock_and_the_package() -> None:
    *_, pip = yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"]
    assert pip["pip"] == [*locked(), "--editable ."]


def test_the_lock_has_a_hash_for_each_package_and_names_no_index() -> None:
    text = (REPOSITORY / "requirements.lock").read_text()
    assert "://" not in text
    for block in re.split(r"\n(?=\S)", text):
        assert LOCKED.match(block) is None or "--hash=sha256:" in block, block


def test_what_runs_now_is_what_is_locked() -> None:
    for name, requirement in pins().items():
        if requirement.marker is None or requirement.marker.evaluate():
            (pin,) = requirement.specifier
            assert version(name) == pin.version
