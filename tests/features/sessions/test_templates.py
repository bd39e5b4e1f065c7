"""Templates are validated when they are loaded; a bad one is named with file and line."""

import json
from pathlib import Path

import pytest

from pattern_stack.features.sessions.core.schema import Template, option_id
from pattern_stack.features.sessions.core.templates import SHIPPED, Catalogue, read
from pattern_stack.features.sessions.errors import InvalidTemplate, TemplateNotFound

GOOD = """{
  "id": "kitchen",
  "name": "Kitchen",
  "version": "1",
  "description": "",
  "node_types": [
    {"id": "room", "name": "Room", "allowed_children": ["board"], "properties": []},
    {
      "id": "board",
      "name": "Board",
      "properties": [
        {"id": "status", "name": "Status", "type": "select", "options": [{"name": "Raw"}, {"name": "Oiled"}]},
        {"id": "length", "name": "Length", "type": "number", "default": 2.5},
        {"id": "wood", "name": "Wood", "type": "select", "default": "Oak",
         "options": [{"name": "Pine"}, {"name": "Oak", "indicator_id": "leaf"}]}
      ]
    }
  ]
}
"""

BAD = [
    ('"id": "kitchen",', '"id" "kitchen",', 2, "delimiter"),
    ('"id": "kitchen"', '"id": "Kit chen"', 2, "id: String should match"),
    ('"name": "Kitchen"', '"name": 5', 3, "name: Input should be a valid string"),
    ('"name": "Kitchen",\n', "\n", 1, "name: Field required"),
    ('"version": "1"', '"version": "1", "colour": 7', 4, "colour: Extra inputs"),
    ('["board"]', '["bored"]', 1, "unknown types: bored"),
    ('"id": "room"', '"id": "board"', 1, "the node type board is there twice"),
    ('"id": "length"', '"id": "status"', 8, "the property status is there twice"),
    ('"type": "number"', '"type": "length"', 13, "type: Input should be"),
    ('"default": 2.5', '"default": "long"', 8, "length is a number"),
    ('"default": 2.5', f'"default": {2**63}', 13, "default: Value error, a value is JSON"),
    ('"default": 2.5', f'"default": {10**400}', 13, "default: Value error, a value is JSON"),
    ('"default": 2.5', f'"default": {"1" * 5000}', 1, "Exceeds the limit"),
    ('"default": 2.5', f'"default": {"[" * 100_000}', 1, "recursion"),
    ('"Length"', '"L\udcffngth"', 13, "can't decode byte 0xff"),
    ('"default": "Oak"', '"default": "Ash"', 8, "wood is the id of one of its options"),
    ('"options": [{"name": "Raw"}, {"name": "Oiled"}]', '"options": []', 12, "a select has options"),
    ('{"name": "Oiled"}', '{"name": "Raw"}', 12, "two options have the same name"),
    ('{"name": "Oiled"}', '{"name": ""}', 12, "name: String should have at least 1"),
    ('"type": "number"', '"type": "number", "options": [{"name": "x"}]', 13, "a select has options"),
    ('"indicator_id": "leaf"', '"indicator_id": 7', 15, "indicator_id: Input should be a valid string"),
]


def written(directory: Path, text: str, name: str = "kitchen.json") -> Path:
    file = directory / name
    file.write_text(text, errors="surrogateescape")
    return file


@pytest.mark.parametrize(("right", "wrong", "line", "told"), BAD, ids=range(len(BAD)))
def test_a_bad_one_is_named_with_file_and_line(tmp_path: Path, right: str, wrong: str, line: int, told: str) -> None:
    assert GOOD.count(right) == 1
    file = written(tmp_path, GOOD.replace(right, wrong))
    with pytest.raises(InvalidTemplate) as refused:
        Catalogue([tmp_path])
    assert str(refused.value).startswith(f"{file}:{line}: ")
    assert told in str(refused.value)


def test_two_of_one_id_are_refused(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    second = written(tmp_path, GOOD, "other.json")
    with pytest.raises(InvalidTemplate, match="there is a template kitchen already") as refused:
        Catalogue([tmp_path])
    assert str(refused.value).startswith(f"{second}:1: ")


def test_a_good_one_is_there_beside_the_shipped(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    catalogue = Catalogue([tmp_path])
    assert [one.id for one in catalogue.all()] == ["restomod", "kitchen"]
    board = catalogue.get("kitchen").type("board")
    assert board.defaults == {
        "status": option_id("board", "status", "Raw"),
        "length": 2.5,
        "wood": option_id("board", "wood", "Oak"),
    }
    with pytest.raises(TemplateNotFound):
        catalogue.get("bathroom")


def test_option_ids_are_the_same_for_ever() -> None:
    assert option_id("task", "status", "Done") == "db42d05dd62fd993"


def test_a_template_comes_back_from_its_saved_form() -> None:
    template = read(SHIPPED / "restomod.json")
    assert Template.model_validate(template.model_dump()) == template
    assert Template.model_validate(json.loads(template.model_dump_json())) == template
