import pytest

from job import TrainingFailure
from job.checkpoints import Checkpoints

MADE_WITH = {"rate": 0.5, "label": "é", "fast": True, "mtry": None}


def save_steps(checkpoints, *steps):
    for step in steps:
        checkpoints.save(step, lambda path, step=step: path.write_text(str(step)))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_without_the_folder_no_checkpoints_are_kept_c64(root):
    checkpoints = Checkpoints(MADE_WITH)
    save_steps(checkpoints, 1)
    assert not checkpoints.due()
    assert checkpoints.resume(pytest.fail) == 0
    assert not (root / "checkpoints").exists()


def test_the_last_three_checkpoints_are_kept_c65(root):
    folder = root / "checkpoints"
    folder.mkdir()
    (folder / "checkpoint-00000001.sagemaker-uploading").touch()
    save_steps(Checkpoints(MADE_WITH), 1, 2, 3, 4, 5)
    kept = [f"checkpoint-0000000{step}" for step in (1, 3, 4, 5)]
    assert names(folder) == [kept[0], "checkpoint-00000001.sagemaker-uploading", *kept[1:]]


def test_broken_checkpoints_of_later_steps_do_not_push_out_new_ones(root):
    folder = root / "checkpoints"
    folder.mkdir()
    for step in (7, 8, 9):
        (folder / f"checkpoint-0000000{step}").write_text("broken")
    save_steps(Checkpoints(MADE_WITH), 1, 2, 3, 4)
    assert [int(name[-1]) for name in names(folder)] == [2, 3, 4, 7, 8, 9]


def test_a_checkpoint_has_another_name_until_it_is_whole_c65(root):
    folder = root / "checkpoints"
    folder.mkdir()
    seen = []
    Checkpoints(MADE_WITH).save(7, lambda path: (path.write_text("7"), seen.extend(names(folder))))
    assert seen == []
    assert names(folder) == ["checkpoint-00000007"]


def test_a_broken_checkpoint_gives_way_to_the_one_before_c65(root, capsys):
    folder = root / "checkpoints"
    folder.mkdir()
    checkpoints = Checkpoints(MADE_WITH)
    save_steps(checkpoints, 1)
    save_steps(checkpoints, 3)
    (folder / "checkpoint-00000003").write_text("cut off")
    checkpoints.save(2, lambda path: path.write_text("no number"))
    (folder / "checkpoint-00000002.sagemaker-uploaded").write_text("9")
    (folder / "checkpoint-00000009.sagemaker-ignore").write_text("9")
    loaded = []
    assert checkpoints.resume(lambda path: loaded.append(int(path.read_text()))) == 1
    assert loaded == [1]
    log = capsys.readouterr().out
    assert "WARNING: checkpoint-00000003 is broken (it is damaged): trying the one before." in log
    assert "WARNING: checkpoint-00000002 is broken (invalid literal" in log
    assert "Resuming from checkpoint-00000001, after step 1." in log


def test_checkpoints_that_are_all_broken_start_from_the_beginning(root, capsys):
    (root / "checkpoints").mkdir()
    (root / "checkpoints/checkpoint-00000002").touch()
    assert Checkpoints(MADE_WITH).resume(lambda path: int(path.read_text())) == 0
    assert "no checkpoint could be read: training starts" in capsys.readouterr().out


def test_the_first_step_is_due_and_the_next_is_not_at_once(root):
    (root / "checkpoints").mkdir()
    checkpoints = Checkpoints(MADE_WITH)
    assert checkpoints.due()
    save_steps(checkpoints, 1)
    assert not checkpoints.due()


@pytest.mark.parametrize("kept", [0, 1, 4, 30, 60, 100, -1, -30])
def test_a_checkpoint_that_ends_early_is_damaged_for_every_model(root, capsys, kept):
    (root / "checkpoints").mkdir()
    save_steps(Checkpoints(MADE_WITH), 1)
    path = root / "checkpoints/checkpoint-00000001"
    path.write_bytes(path.read_bytes()[:kept])
    assert Checkpoints(MADE_WITH).resume(pytest.fail) == 0
    assert "WARNING: checkpoint-00000001 is broken (it is damaged)" in capsys.readouterr().out


def test_a_byte_that_changed_is_damage_too(root, capsys):
    (root / "checkpoints").mkdir()
    Checkpoints(MADE_WITH).save(1, lambda path: path.write_text("a" * 1000))
    path = root / "checkpoints/checkpoint-00000001"
    path.write_bytes(path.read_bytes().replace(b"aaaa", b"aaba", 1))
    assert Checkpoints(MADE_WITH).resume(pytest.fail) == 0
    assert "is broken (it is damaged)" in capsys.readouterr().out


def test_the_same_step_is_saved_once(root):
    (root / "checkpoints").mkdir()
    checkpoints = Checkpoints(MADE_WITH)
    save_steps(checkpoints, 1)
    checkpoints.save(1, pytest.fail)


def test_other_hyperparameters_than_those_of_the_checkpoint_are_said(root, capsys):
    (root / "checkpoints").mkdir()
    save_steps(Checkpoints(MADE_WITH), 1)
    assert Checkpoints(MADE_WITH).resume(lambda path: path.read_text()) == 1
    assert "WARNING" not in capsys.readouterr().out
    changed = Checkpoints(MADE_WITH | {"mtry": 2, "rate": 0.1})
    assert changed.resume(lambda path: path.read_text()) == 1
    log = capsys.readouterr().out
    made = "WARNING: checkpoint-00000001 was made with other hyperparameters: "
    assert f"{made}rate=0.5, now 0.1; mtry=null, now 2.\n" in log
    sentence = (
        "checkpoint-00000001 was made with rate=0.5, and this job has rate=0.1: give the same"
    )
    with pytest.raises(TrainingFailure, match=sentence):
        changed.refuse_change()
