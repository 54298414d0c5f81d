"""How the template's own files lie: the rules of the house that no tool checks."""

import re

import pytest
from binaryornot.check import is_binary
from support import tracked_files

GENERATED = "{{cookiecutter.project_slug}}/"

# Where this project was made, and the registries: not as they are written, or this file had them.
PRIVATE = [f"/{name}/" for name in ("work", "farm")]
REGISTRIES = ["pypi org", "pythonhosted org", "repo1 maven org", "repo maven apache org"]
REGISTRIES += ["deb debian org", "ftp debian org", "security debian org"]
FORBIDDEN = PRIVATE + [name.replace(" ", ".") for name in REGISTRIES]


@pytest.fixture
def tracked():
    return tracked_files()


def test_a_path_is_shared_or_a_languages_never_both(tracked):
    generated = [name.removeprefix(GENERATED) for name in tracked if name.startswith(GENERATED)]
    shared = {name for name in generated if not name.startswith("languages/")}
    overlaid = {re.sub(r"^languages/\w+/", "", name) for name in set(generated) - shared}
    assert shared and overlaid
    assert shared & overlaid == set()


def test_no_name_would_hurt_on_any_system(tracked):
    for name in tracked:
        within = name.removeprefix(GENERATED)
        # A folder whose name renders to nothing would be written to the root of the file system.
        assert "{%" not in within and "{{" not in within, name
        assert not re.search(r'["|<>:?*\\]|[ .](/|$)', within), name
        assert within.isascii(), name
    assert len({name.lower() for name in tracked}) == len(tracked)


def test_nothing_is_a_symbolic_link(tracked):  # cookiecutter makes empty folders of them
    assert not [name for name, path in tracked.items() if path.is_symlink()]


def test_no_generated_file_is_taken_for_a_binary_one(tracked):  # it would not be rendered
    generated = {name: path for name, path in tracked.items() if name.startswith("{{")}
    assert generated
    assert not [name for name, path in generated.items() if is_binary(str(path))]


def test_no_file_names_a_registry_or_a_path_of_the_machine_it_was_made_on(tracked):
    for name, path in tracked.items():
        text = path.read_text(encoding="utf-8")
        assert not [word for word in FORBIDDEN if word in text], name


def test_every_clause_of_the_contract_that_is_mentioned_exists(tracked):
    contract = tracked.pop("docs/contract.md").read_text(encoding="utf-8")
    clauses = set(re.findall(r"^### (C\d+)\.", contract, re.MULTILINE))
    assert clauses
    for name, path in tracked.items():
        if name.endswith((".py", ".R", ".c", ".java", ".sh", "Dockerfile", ".md")):
            mentioned = set(re.findall(r"\bC[1-9]\d{0,2}\b", path.read_text(encoding="utf-8")))
            assert mentioned <= clauses, name
