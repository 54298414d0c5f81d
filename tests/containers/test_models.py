"""The tests of job/ and of the algorithms, which lie in tests/languages: a repository runs them.

Generated repositories do not have them: job/ is not theirs to edit, and a model is replaced.
"""

import re
import shutil
import subprocess
from pathlib import Path

MODELS = Path(__file__).parents[1] / "languages"
# Where each language's test tool looks for its tests.
TESTS = {"python": "tests", "r": "tests", "java": "src/test/java/training"}
# What each tool prints of them where they pass.
PASSED = {
    "python": r"tests/test_trees\.py \.{20}",
    "r": r"✔ \|.* \| glm",
    "java": r"Tests run: \d+, Failures: 0, .* -- in training\.BoostedTreesTest",
}


def add_tests(language, repository):
    shutil.copytree(MODELS / language, repository / TESTS[language], dirs_exist_ok=True)
    if language == "java":  # whose test stage has the sources alone
        tests = repository / TESTS[language]
        shutil.copy(repository / "README.md", tests)
        # Under another name, so that it is not compiled as one of the tests.
        shutil.copy(repository / "examples/Predict.java", tests / "Predict.txt")


def test_the_algorithm_does_what_is_said_of_it(bake, language, make):
    repository = bake(language, project_slug=f"model-{language}")
    add_tests(language, repository)
    output = make(repository, "test").stdout
    assert re.search(PASSED[language], output), output[-2000:]


def test_a_model_of_java_predicts_the_same_in_python(bake, make, engine, tmp_path):
    java = bake("java", project_slug="compared-java")
    add_tests("java", java)
    python = bake("python", project_slug="penguins-python")
    make(python, "build")

    def run(*command):
        done = subprocess.run([engine, "run", "--rm", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    # `make test` would run all the tests; here one is enough.
    make(java, "build", "IMAGE=compared-java:test", "BUILD_ARGS=--target test")
    shared = ["-v", f"{tmp_path}:/compared"]
    # The predictions of some rows, and a job's model with the metrics of its metadata.json.
    written = [
        "test",
        "-Dtest=BoostedTreesTest#predictionsAreWrittenDown",
        "-Dcomparison=/compared/rows",
    ]
    run(*shared, "compared-java:test", *written)
    data = ["-v", f"{java}/data:/opt/ml/input/data:ro"]
    make(java, "build")
    run(*data, "-v", f"{tmp_path}/job:/opt/ml/model", "compared-java:local", "train")
    run(*data, "-v", f"{tmp_path}/python:/opt/ml/model", "penguins-python:local", "train")
    program = [*shared, "-v", f"{MODELS}/java:/program:ro", *data, "--entrypoint=python"]
    program += ["penguins-python:local", "/program/compare_with_python.py"]
    assert "predictions differ by 0," in run(*program, "/compared/rows")
    validation = "/opt/ml/input/data/validation/penguins.csv"
    said = run(*program, "/compared/job", validation, "/compared/python")
    assert "metrics differ by" in said and "bytes differ by" in said
