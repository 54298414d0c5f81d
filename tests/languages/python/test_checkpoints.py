import pytest

from job.checkpoints import Checkpoints


def save_steps(checkpoints, *steps):
    for step in steps:
        checkpoints.save(step, lambda path, step=step: path.write_text(str(step)))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_without_the_folder_no_checkpoints_are_kept_c64(root):
    checkpoints = Checkpoints()
    save_steps(checkpoints, 1)
    assert not checkpoints.due()
    assert checkpoints.resume(pytest.fail) == 0
    assert not (root / "checkpoints").exists()


def test_the_last_three_checkpoints_are_kept_c65(root):
    folder = root / "checkpoints"
    folder.mkdir()
    (folder / "checkpoint-00000001.sagemaker-uploading").touch()
    save_steps(Checkpoints(), 1, 2, 3, 4, 5)
    kept = [f"checkpoint-0000000{step}" for step in (1, 3, 4, 5)]
    assert names(folder) == [kept[0], "checkpoint-00000001.sagemaker-uploading", *kept[1:]]


def test_broken_checkpoints_of_later_steps_do_not_push_out_new_ones(root):
    folder = root / "checkpoints"
    folder.mkdir()
    for step in (7, 8, 9):
        (folder / f"checkpoint-0000000{step}").write_text("broken")
    save_steps(Checkpoints(), 1, 2, 3, 4)
    assert [int(name[-1]) for name in names(folder)] == [2, 3, 4, 7, 8, 9]


def test_a_checkpoint_has_another_name_until_it_is_whole_c65(root):
    folder = root / "checkpoints"
    folder.mkdir()
    seen = []
    Checkpoints().save(7, lambda path: (path.write_text("7"), seen.extend(names(folder))))
    assert seen == ["checkpoint-00000007.sagemaker-ignore"]
    assert names(folder) == ["checkpoint-00000007"]


def test_a_broken_checkpoint_gives_way_to_the_one_before_c65(root, capsys):
    folder = root / "checkpoints"
    folder.mkdir()
    checkpoints = Checkpoints()
    save_steps(checkpoints, 1, 2)
    (folder / "checkpoint-00000002").write_text("no number")
    (folder / "checkpoint-00000003.sagemaker-uploaded").write_text("9")
    (folder / "checkpoint-00000009.sagemaker-ignore").write_text("9")
    loaded = []
    assert checkpoints.resume(lambda path: loaded.append(int(path.read_text()))) == 1
    assert loaded == [1]
    log = capsys.readouterr().out
    assert "WARNING: checkpoint-00000002 is broken (invalid literal" in log
    assert "Resuming from checkpoint-00000001, after step 1." in log


def test_checkpoints_that_are_all_broken_start_from_the_beginning(root, capsys):
    (root / "checkpoints").mkdir()
    (root / "checkpoints/checkpoint-00000002").touch()
    assert Checkpoints().resume(lambda path: int(path.read_text())) == 0
    assert "no checkpoint could be read: training starts" in capsys.readouterr().out


def test_the_first_step_is_due_and_the_next_is_not_at_once(root):
    (root / "checkpoints").mkdir()
    checkpoints = Checkpoints()
    assert checkpoints.due()
    save_steps(checkpoints, 1)
    assert not checkpoints.due()
