from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from shelf import image, request
from vmf.errors import SetupError
from vmf.steps.search import Unsound
from vmf.warehouse import entries
from vmf.warehouse.catalogue import Catalogue

WANTED = request({"A": "", "B": "A", "C": "B", "D": "B"})
IMAGES = [image(each) for each in ("A", "AB", "ABDC", "ABE", "BA", "E")]
TESTS = Path(__file__).parents[1]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "catalogue"


@pytest.fixture
def catalogue(path):
    made = Catalogue(path)
    made.rebuild(IMAGES)
    return made


def found(catalogue):
    chosen = catalogue.search(WANTED, {})
    return chosen and chosen[0].id


def test_what_comes_is_found_and_what_goes_is_not(catalogue):
    assert found(catalogue) == "ABDC"
    catalogue.remove("ABDC")
    assert found(catalogue) == "AB"
    catalogue.add(image("ABC"))
    catalogue.remove("nothing of this name")
    assert found(catalogue) == "ABC"
    assert sorted(catalogue.ids()) == ["A", "AB", "ABC", "ABE", "BA", "E"]


def test_an_image_of_the_same_id_takes_the_place_of_the_one_before(catalogue):
    catalogue.add(image("E", "ABDC"))
    assert found(catalogue) == "AB"
    catalogue.rebuild([image("ABDC", "1"), image("A", "1")])
    assert catalogue.ids() == {"1"}
    assert found(catalogue) == "1"


def test_the_first_of_many_images_is_the_same_as_the_first_of_few(catalogue, monkeypatch):
    same = [image("AB", id_) for id_ in ("9", "5", "7")]
    catalogue.rebuild([*same, image("A", "1"), image("E", "2")])
    assert found(catalogue) == "5"
    monkeypatch.setattr(entries, "FEW", 1)
    assert found(catalogue) == "5"


def test_numbers_of_images_that_went_are_used_again(catalogue, path):
    for number in range(50):
        catalogue.add(image("A", f"new{number}"))
        catalogue.remove(f"new{number}")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT max(number) FROM images").fetchone() == (len(IMAGES),)


def test_one_that_is_missing_is_told_and_made(path):
    catalogue = Catalogue(path)
    for use in (lambda: found(catalogue), lambda: catalogue.add(IMAGES[0]), catalogue.ids):
        with pytest.raises(Unsound, match="is missing"):
            use()
    catalogue.rebuild([])
    assert found(catalogue) is None


def test_one_that_leads_elsewhere_is_not_followed(catalogue, path, tmp_path):
    path.rename(tmp_path / "elsewhere")
    path.symlink_to("elsewhere")
    with pytest.raises(Unsound, match="or no file"):
        found(catalogue)
    catalogue.rebuild([IMAGES[0]])
    assert found(catalogue) == "A"
    assert found(Catalogue(tmp_path / "elsewhere")) == "ABDC"


def set_version(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def drop_table(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE features")


def spoil_sets(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE features SET images = substr(images, 1, 5)")


def spoil_images(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE images SET candidate = x'7b'")


def lose_images(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM images")


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 80),
    "cut": lambda path: os.truncate(path, 6000),
    "cut at a page": lambda path: os.truncate(path, 8192),
    "version": set_version,
    "table": drop_table,
    "sets": spoil_sets,
    "images": spoil_images,
    "no images": lose_images,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_one_that_is_damaged_is_told_and_made_anew(catalogue, path, damage):
    damage(path)
    with pytest.raises(Unsound):
        found(catalogue)
    catalogue.rebuild(IMAGES)
    assert found(catalogue) == "ABDC"


def test_wherever_it_is_spoilt_there_is_an_answer_or_it_is_told(catalogue, path):
    """Not every byte has a sum: who is led to an image looks at the image itself."""
    whole, choose = path.read_bytes(), random.Random(7)  # noqa: S311  # every run spoils the same
    answers = set()
    for _ in range(400):
        spoilt, size, place = bytearray(whole), choose.choice((1, 8, 512)), choose.randrange(len(whole))
        spoilt[place : place + size] = choose.randbytes(size)
        path.write_bytes(spoilt)
        try:
            answers.add(found(catalogue))
        except Unsound:
            answers.add("unsound")
    assert {"unsound", "ABDC"} <= answers


def test_a_journal_that_belongs_to_another_file_is_not_played_into_a_new_one(catalogue, path):
    """What a killed process leaves beside a file that is then damaged."""
    victim = "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    victim += "db.execute('PRAGMA cache_size = 1'); db.execute('BEGIN IMMEDIATE')\n"
    victim += "db.execute('UPDATE features SET images = randomblob(50000)'); os._exit(9)"
    subprocess.run((sys.executable, "-c", victim, path), check=False)
    assert path.with_name("catalogue-journal").stat().st_size
    path.write_bytes(b"garbage" * 1000)
    catalogue.rebuild(IMAGES[:2])
    assert found(catalogue) == "AB"
    assert not path.with_name("catalogue-journal").exists()


def test_a_process_that_is_killed_while_it_adds_leaves_what_was_there(catalogue, path):
    victim = "import os, sys; from pathlib import Path; from shelf import image\n"
    victim += "from vmf.warehouse.catalogue import Catalogue; from vmf.warehouse.entries import Entries\n"
    victim += "kept = Entries._keep; Entries._keep = lambda self, *what: (kept(self, *what), os._exit(9))\n"
    victim += "Catalogue(Path(sys.argv[1])).add(image('ABC', 'new'))"
    ended = subprocess.run((sys.executable, "-c", victim, path), check=False, env={**os.environ, "PYTHONPATH": TESTS})
    assert ended.returncode == 9
    assert catalogue.ids() == {each.id for each in IMAGES}
    assert found(catalogue) == "ABDC"


def test_what_is_raised_while_images_are_read_is_handed_on_and_the_index_stays(catalogue):
    def images():
        yield IMAGES[0]
        raise OSError("a folder cannot be read")

    with pytest.raises(OSError, match="a folder cannot be read"):
        catalogue.rebuild(images())
    assert found(catalogue) == "ABDC"


def test_many_processes_use_it_at_once(catalogue, path):
    words = (
        "import sys; from pathlib import Path; from shelf import image; from vmf.warehouse.catalogue import Catalogue\n"
    )
    words += "for number in range(40): Catalogue(Path(sys.argv[1])).add(image('AB', f'{sys.argv[2]}{number}'))"
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    adding = [subprocess.Popen((sys.executable, "-c", words, path, name), env=environment) for name in "xyz"]
    assert [each.wait(60) for each in adding] == [0, 0, 0]
    assert catalogue.ids() == {
        *(each.id for each in IMAGES),
        *(f"{name}{number}" for name in "xyz" for number in range(40)),
    }
    catalogue.remove("ABDC")
    assert found(catalogue) == "AB"


def test_who_adds_while_it_is_made_anew_waits_and_is_in_it(catalogue):
    adding = threading.Thread(target=lambda: catalogue.add(image("ABC")))

    def images():
        adding.start()
        yield IMAGES[0]

    catalogue.rebuild(images())
    adding.join(60)
    assert catalogue.ids() == {"A", "ABC"}


@pytest.mark.parametrize("mode", [0o700, 0o775, 0o2770])
def test_whoever_may_use_the_folder_may_use_the_file(tmp_path, mode):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    Catalogue(folder / "catalogue").rebuild(IMAGES)
    modes = {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
    assert modes == {mode & 0o666}


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(SetupError, match="No such file or directory") as caught:
        Catalogue(tmp_path / "nowhere" / "catalogue").rebuild(IMAGES)
    assert "permissions" in caught.value.hint


def test_a_file_that_somebody_else_writes_to_is_told_apart_from_a_damaged_one(catalogue, path, monkeypatch):
    monkeypatch.setattr("vmf.warehouse.catalogue.BUSY_SECONDS", 0)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SetupError, match="locked"):
            found(catalogue)
    assert found(catalogue) == "ABDC"
