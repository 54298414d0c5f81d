"""tools/contract/other_image.py: the job by which other people's images are tested."""

import json

import pytest
from support import load_tools

REQUEST = {"TrainingJobName": "theirs", "InputDataConfig": [{"ChannelName": "train"}]}


@pytest.fixture(scope="module")
def modules(bake):
    return load_tools(bake("python"), "contract.other_image", "terminal", "settings")


@pytest.fixture
def lay_out(modules, tmp_path):
    """Function: text of the settings -> the folder with the job, and its request."""

    def run(text):
        file = tmp_path / "theirs.ini"
        file.write_text(text, encoding="utf-8")
        (tmp_path / "scratch").mkdir()
        place = modules[0].place_of_job(file, tmp_path / "scratch")
        return place, json.loads((place / "training-job.json").read_text(encoding="utf-8"))

    return run


def test_without_a_request_there_is_one_channel_of_a_generated_csv(lay_out):
    place, request = lay_out("")
    assert [channel["ChannelName"] for channel in request["InputDataConfig"]] == ["training"]
    header, *rows = (place / "data/training/generated.csv").read_text().splitlines()
    assert header == "a,b,c,d,target"
    assert {row.split(",")[-1] for row in rows} == {"0", "1"}


def test_a_request_and_data_that_are_named_are_taken(lay_out, tmp_path):
    (tmp_path / "job.json").write_text(json.dumps(REQUEST))
    (tmp_path / "tables/train").mkdir(parents=True)
    (tmp_path / "tables/train/a.csv").write_text("x\n1\n")
    place, request = lay_out("[job]\nrequest = job.json\ndata = tables\n")
    assert request == REQUEST
    assert (place / "data/train/a.csv").read_text() == "x\n1\n"


def test_the_job_beside_the_settings_is_taken(lay_out, tmp_path):
    (tmp_path / "training-job.json").write_text(json.dumps(REQUEST))
    assert lay_out("[log]\ntraining = ^epoch\n") == (tmp_path, REQUEST)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[job]\ndata = tables\n", "the channel training needs its files in "),
        ("[job]\nrequest = none.json\n", "none.json can't be read"),
        ("[job]\nimage = x\n", "[job] has image: it may have request and data."),
    ],
)
def test_what_is_missing_is_said(lay_out, modules, text, said):
    with pytest.raises(modules[1].UserError) as error:
        lay_out(text)
    assert said in str(error.value)


def test_another_images_settings_may_leave_out_what_they_like(modules, tmp_path):
    file = tmp_path / "theirs.ini"
    file.write_text("[log]\ntraining = ^epoch\n")
    settings = modules[2].read_settings(file)
    assert (settings["log"]["training"], settings["limits"]["stop"]) == ("^epoch", "120")
    assert not settings["wrong"]
