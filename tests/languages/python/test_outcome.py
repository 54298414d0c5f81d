from job import TrainingFailure, outcome


def failure_file(root):
    return (root / "output/failure").read_text()


def test_a_failure_is_a_sentence_in_the_failure_file_c58(root, capsys):
    def fail():
        raise TrainingFailure("It is broken.")

    assert outcome.run(fail) == 1
    assert failure_file(root) == "It is broken.\n"
    assert capsys.readouterr().err == "It is broken.\n"


def test_a_failure_of_our_own_shows_its_trace_after_the_sentence(root, capsys):
    def fail():
        raise KeyError("x" * 2000)

    assert outcome.run(fail) == 1
    assert failure_file(root).startswith("KeyError: 'xxx")
    assert len(failure_file(root)) <= 1024
    assert "Traceback" in capsys.readouterr().err


def test_a_success_leaves_no_failure_file_c58(root):
    (root / "output/failure").write_text("old")
    assert outcome.run(lambda: None) == 0
    assert not (root / "output/failure").exists()


def test_a_full_disk_is_one_sentence(root, capsys):
    def fail():
        raise OSError(28, "No space left on device", "/opt/ml/model/x")

    assert outcome.run(fail) == 1
    sentence = "No space is left on the disk (/opt/ml/model/x): raise VolumeSizeInGB in"
    assert failure_file(root).startswith(sentence)
    assert "Traceback" not in capsys.readouterr().err
