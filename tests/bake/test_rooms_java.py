"""Java's rooms: which class of the program knows which, and how long each file is."""

import re

from support import TEMPLATE

PROGRAM = TEMPLATE / "{{cookiecutter.project_slug}}/languages/java/src/main/java/training"
# What every subject may use, and what each may know beside that.
GROUND = {"JobFiles", "Json", "Log", "Outcome", "TrainingFailure"}
KNOWN = {
    "Algorithm": {"Cluster", "Hyperparameter", "Hyperparameters"},
    "Channels": {"Hosts"},
    "Cluster": {"Hosts", "Link", "Stop"},
    "Hyperparameters": {"Hyperparameter"},
}
# The ground knows no subject; within it, what is above may use what is below.
GROUND_KNOWN = {
    "JobFiles": {"Json", "TrainingFailure"},
    "Json": {"Outcome"},
    "Log": set(),
    "Outcome": {"JobFiles", "Log", "TrainingFailure"},
    "TrainingFailure": set(),
}


def code(path):
    """The text of a Java file without comments and strings, in which other classes may be named."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', "", text, flags=re.DOTALL)


def test_each_subject_knows_the_ground_and_little_else():
    subjects = {path.stem: code(path) for path in (PROGRAM / "job").glob("*.java")}
    assert set(subjects) > GROUND
    for name, text in subjects.items():
        used = {other for other in subjects if other != name and re.search(rf"\b{other}\b", text)}
        allowed = GROUND_KNOWN.get(name, GROUND | KNOWN.get(name, set()))
        assert used <= allowed, f"{name} uses {used - allowed}"


def test_no_subject_knows_the_program_or_a_library_that_trains():
    others = {"Json": "com.google.gson.", "Outcome": "com.sun.management."}
    for path in (PROGRAM / "job").glob("*.java"):
        known = ("java.", "training.job.", others.get(path.stem, "java."))
        for name in re.findall(r"^import (?:static )?([\w.]+);", code(path), re.MULTILINE):
            assert name.startswith(known), f"{path.stem} imports {name}"


def test_files_are_short():
    lengths = {
        path.name: len(path.read_text(encoding="utf-8").splitlines())
        for path in PROGRAM.rglob("*.java")
    }
    assert max(lengths.values()) <= 400, lengths


def test_the_recipes_pom_is_the_templates_but_for_what_the_algorithm_needs():
    poms = [PROGRAM.parents[3] / "pom.xml", *TEMPLATE.glob("recipes/java/*/pom.xml")]
    own = r"(?s)(add yours here\. -->).*(<!-- What training\.job needs)"
    texts = [re.sub(own, r"\1\2", each.read_text(encoding="utf-8")) for each in poms]
    assert len(texts) > 1
    assert set(texts) == {texts[0]}
