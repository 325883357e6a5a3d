"""A real anatomy by its name: in a scenario, in place of a scenario's own, on every command, and never bent."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import sim.cli
from meshes import library
from meshes.model import Anatomy
from scenarios.faults import ScenarioError
from scenarios.loader import load_scenario, parse_scenario
from scenarios.schema import schema_text
from sim.anatomies import anatomy_for, both_sexes, is_real, load_anatomy, with_source

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT.parent / "shared" / "reference-anatomy" / "bodyparts3d"
CREDIT = "Nobody's scan, CC0"
SCENE = '[[show]]\nstructures = ["cranium", "greater_occipital_nerve"]\n[[view]]\nname = "main"\ncamera = "posterior"\n'
EIGHT = (
    "gon-path", "gon-landmark", "gon-block-landmark", "gon-block-c2", "gon-block-nuchal-line", "preempt-31", "preempt-39",
    "layers",
)  # fmt: skip
COMMANDS = (
    "render gon-path -o out", "movie gon-path -o a.mp4", "explain gon-path -o a.html", "explain gon-path -o a.pdf", "train",
    "train gon-block-c2 --script a.toml", "view --shot a.png", "serve", "list structures", "validate", "scan -o a.png",
    "batch plan.toml -o out", "export -o a.glb", "sheets -o out",
)  # fmt: skip
PLAN = 'schema = 1\n[patients]\n{}\n[[picture]]\nscenario = "gon-path"\nsize = [64, 64]\n'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "kept"))
    return tmp_path


@pytest.fixture
def mine(tiny_anatomy: Anatomy) -> Iterator[Anatomy]:
    """A real person's anatomy in the library: every structure an ellipsoid, bones his own."""
    estimated = [s.key for s in tiny_anatomy.structures.values() if s.tissue != "bone"]
    told = {"sex": "male", "credit": CREDIT, "tre_mm": 4.3, "tre_90_mm": 9.5, "estimated": estimated}
    made = Anatomy.of("mine", tiny_anatomy.structures.values(), tiny_anatomy.landmarks, tiny_anatomy.curves, told)
    library.write(made, {})
    yield library.read("mine")
    library.remove("mine")


def scene(anatomy: str, more: str = "") -> str:
    return f'schema = 1\ntitle = "One"\nanatomy = {anatomy}\n{SCENE}{more}'


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert sim.cli.main(words) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == "" and "Traceback" not in line
    return line


def test_a_text_stands_for_the_table_with_that_source(mine: Anatomy) -> None:
    short, long = parse_scenario(scene('"mine"')), parse_scenario(scene('{ source = "mine" }'))
    assert short.anatomy == long.anatomy and short.anatomy.source == "mine"
    assert anatomy_for(short) is mine


def test_the_published_schema_takes_both(tmp_path: Path) -> None:
    import jsonschema

    whole = {"schema": 1, "title": "One", "show": [{"structures": ["atlas"]}], "view": [{"name": "a", "camera": "left"}]}
    check = jsonschema.Draft202012Validator(json.loads(schema_text())).is_valid
    assert check(whole | {"anatomy": "bodyparts3d"}) and check(whole | {"anatomy": {"source": "bodyparts3d"}})
    assert not check(whole | {"anatomy": 3}) and not check(whole | {"anatomy": {"sourc": "bodyparts3d"}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('""', ["empty"]), ("3", ["table"]), ('{ sourc = "mine" }', ["'source'"]), ('"mien"', ["'mien'", "'mine'"]),
        ('"bodyparts3d"', ["inion atlas install bodyparts3d"]), ('"bodypart3d"', ["'bodyparts3d'"]),
    ],
)  # fmt: skip
def test_a_wrong_anatomy_is_told_with_its_line(text: str, words: list[str], mine: Anatomy) -> None:
    with pytest.raises(ScenarioError) as caught:
        anatomy_for(parse_scenario(scene(text), file="one.toml"))
    (line,) = caught.value.lines
    assert line.startswith("one.toml:3: anatomy") and all(word in line for word in words)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_tells_how_to_install_what_is_not_there(words: str, capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "plan.toml").write_text(PLAN.format("count = 1"))
    (here / "a.toml").write_text("")
    before = sorted(p.name for p in here.iterdir())
    line = refused(capsys, *words.split(), "--anatomy", "bodyparts3d")
    assert line.startswith(f"inion {words.split()[0]}: --anatomy: ") and "inion atlas install bodyparts3d" in line
    assert sorted(p.name for p in here.iterdir()) == before


def test_an_unknown_name_tells_the_nearest(mine: Anatomy, capsys: pytest.CaptureFixture[str]) -> None:
    assert "'mine'" in refused(capsys, "render", "gon-path", "--anatomy", "mien")
    assert "empty" in refused(capsys, "validate", "--anatomy", " ")
    assert "no.inion" in refused(capsys, "scan", "--anatomy", "no.inion")
    with pytest.raises(ValueError, match="atlas install"):
        load_anatomy("bodyparts3d")


def test_it_takes_the_place_of_the_scenarios_own(mine: Anatomy, here: Path) -> None:
    from meshes.archive import write_archive
    from sim.commands.anatomy_option import with_anatomy

    own = parse_scenario(scene('{ patient = { sex = "female" } }'), file="one.toml", folder=str(here / "elsewhere"))
    said: list[str] = []
    args = argparse.Namespace(anatomy="mine", tell=said.append)
    other = with_anatomy(args, own)
    assert anatomy_for(other) is mine and other.name == own.name
    assert len(said) == 1 and said[0].startswith("one.toml: [anatomy.patient] is left out") and "mine" in said[0]
    assert with_anatomy(argparse.Namespace(anatomy=None, tell=said.append), own) is own and len(said) == 1
    write_archive(mine, here / "file.inion")
    assert anatomy_for(with_source(own, "file.inion")).name == "mine"  # from the working folder, not the scenario's
    assert is_real(load_anatomy("file.inion")) and anatomy_for(with_source(own, "shipped")).name == "shipped"


def test_a_real_person_is_never_bent(mine: Anatomy, anatomy: Anatomy, capsys: pytest.CaptureFixture[str]) -> None:
    assert both_sexes(mine) == (mine,) and len(both_sexes(anatomy)) == 2
    for option, value in (("--population", "2"), ("--reference", "folder")):
        line = refused(capsys, "validate", "--anatomy", "mine", option, value)
        assert option in line and "'mine'" in line
    assert "one of them" in refused(capsys, "validate", "--anatomy", "mine", "--model", "mine")
    with pytest.raises(ScenarioError, match="shipped anatomy"):
        anatomy_for(parse_scenario(scene('{ source = "mine", patient = { bmi = 30 } }')))


def test_its_structures_are_listed_with_where_they_come_from(mine: Anatomy, capsys: pytest.CaptureFixture[str]) -> None:
    assert sim.cli.main(["list", "structures", "--anatomy", "mine", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert set(rows) == set(mine.structures)
    assert rows["greater_occipital_nerve_left"].endswith("place estimated") and "estimated" not in rows["atlas"]
    assert "structures" in refused(capsys, "list", "poses", "--anatomy", "mine")


def test_a_batch_takes_it_as_a_patient(mine: Anatomy, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sim.batch.items import items_of
    from sim.batch.people import anatomy_of, people
    from sim.batch.plan import load_plan, parse_plan

    (here / "plan.toml").write_text(PLAN.format('shipped = true\nanatomies = ["mine"]'))
    plan = load_plan("plan.toml")
    shipped, real = people(plan)
    assert anatomy_of(real) is mine and real.plain()["anatomy"]["sha256"] == library.about("mine")["sha256"]
    assert shipped.plain() == {"name": "shipped", "measures": {}}
    assert [item.someone.name for item in items_of(plan)] == ["shipped", "mine"]
    (here / "plan.toml").write_text(PLAN.format("count = 3"))
    assert sim.cli.main(["batch", "plan.toml", "--check", "--anatomy", "mine"]) == 0
    assert "Items: 1 " in capsys.readouterr().err
    for wrong, words in (('["mien"]', "mine"), ('["mine", "mine"]', "already"), ('["shipped"]', "already")):
        with pytest.raises(ScenarioError, match=words):
            parse_plan(PLAN.format(f"anatomies = {wrong}"))


def test_a_batch_draws_it_with_its_credit(mine: Anatomy, here: Path) -> None:
    (here / "plan.toml").write_text(PLAN.format("count = 1").replace("gon-path", "scene.toml"))
    (here / "scene.toml").write_text(f'schema = 1\ntitle = "One"\n{SCENE}')
    assert sim.cli.main(["batch", "plan.toml", "-o", "out", "--workers", "0", "-q", "--anatomy", "mine"]) == 0
    (meta,) = (here / "out" / "items").glob("mine-*/meta.json")
    assert json.loads(meta.read_text())["patient"]["anatomy"]["name"] == "mine"


def test_training_offers_what_the_server_was_given(mine: Anatomy, here: Path) -> None:
    from sim.app.session import Session
    from sim.app.shelf import Shelf, anatomy_of
    from sim.records import Records

    with Records(here / "records.sqlite") as records:
        own, usual = Session(Shelf(records, source="mine")), Session(Shelf(records))
        assert own.hello()["hello"]["patients"] == ["mine"] and usual.hello()["hello"]["patients"] == ["man", "woman"]
        for session, patient in ((own, "man"), (usual, "mine")):
            told = session.call({"do": "begin", "procedure": "gon-block-c2", "patient": patient})
            assert patient in told["error"] and told["state"] == {"phase": "choose"}
    assert anatomy_of("mine") is mine


def test_options_that_exclude_each_other_are_told(mine: Anatomy, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--patient" in refused(capsys, "view", "--anatomy", "mine", "--patient", "man", "--shot", "a.png")
    assert "--patient" in refused(capsys, "train", "gon-block-c2", "--anatomy", "mine", "--patient", "man")
    assert "records" in refused(capsys, "train", "--anatomy", "mine", "--export", "csv")


def test_whose_it_is_stands_in_words_of_every_language(mine: Anatomy, anatomy: Anatomy) -> None:
    from scenarios.explain_texts import languages, load_texts
    from sim.explain.page_parts import texts_of

    said = {code: texts_of(load_texts(code), mine).ui["whose"] for code in languages()}
    assert len(set(said.values())) == len(said) >= 4
    assert all("± 4 mm" in text and CREDIT in text and "{" not in text for text in said.values())
    assert texts_of(load_texts("en"), anatomy).ui["whose"] == ""


def test_the_strip_is_as_high_as_its_words_ask_for() -> None:
    from sim.credit_strip import DARK, strip

    words = "nerves carried over from the model: their position is estimated, ± 4 mm; anatomy: somebody's"
    wide, narrow = strip(words, 1200, 12), strip(words, 300, 12)
    assert strip("", 300, 12).shape == (0, 300, 3) and len(narrow) > len(wide) > 12
    assert (narrow[:, [0, 1, -2, -1]] == narrow[0, 0]).all() and (narrow != narrow[0, 0]).any()  # no letter is cut off
    assert strip(words, 300, 12, DARK).mean() < 60 < strip(words, 300, 12).mean()


@pytest.mark.image
def test_a_picture_carries_credit_and_estimate(mine: Anatomy, here: Path) -> None:
    from PIL import Image

    (here / "one.toml").write_text(f'schema = 1\ntitle = "One"\n{SCENE}')
    assert sim.cli.main(["render", "one.toml", "-o", "out", "-q", "--size", "640x480", "--anatomy", "mine"]) == 0
    with Image.open(here / "out" / "one.png") as picture:
        assert any(CREDIT in str(value) and "± 4 mm" in str(value) for value in picture.info.values())


@pytest.mark.image
def test_the_window_has_whose_it_is_below(mine: Anatomy, here: Path) -> None:
    from PIL import Image

    from sim.compose import told_of
    from sim.credit_strip import strip

    assert sim.cli.main(["view", "--shot", "a.png", "--show", "nerves", "--anatomy", "mine"]) == 0
    with Image.open(here / "a.png") as picture:
        pixels = np.asarray(picture)
    foot = strip(told_of(mine, ""), pixels.shape[1], 13)
    assert (pixels[-len(foot) :] == foot).all() and (pixels[: -len(foot)] != pixels[60, 2]).any()


@pytest.mark.long
@pytest.mark.image
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference anatomy is not on this machine")
def test_the_first_eight_scenarios_on_bodyparts3d(here: Path) -> None:
    from PIL import Image

    from sim.compose import missing_structures

    assert sim.cli.main(["atlas", "install", "bodyparts3d", "--from", str(REFERENCE), "-q"]) == 0
    real = load_anatomy("bodyparts3d")
    assert both_sexes(real) == (real,)
    assert not [n for name in EIGHT for n in missing_structures(load_scenario(name), real)]
    assert sim.cli.main(["render", *EIGHT, "-o", "out", "-q", "--anatomy", "bodyparts3d"]) == 0
    made = sorted((here / "out").glob("*.png"))
    assert len(made) == 19
    for path in made:
        with Image.open(path) as picture:
            assert any("Database Center for Life Science" in str(v) and "± " in str(v) for v in picture.info.values())
            assert np.asarray(picture.convert("L")).std() > 10
