"""The cards that the chapters read are those that their recipes would write."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from helpers import results

RECIPES = Path(__file__).resolve().parents[1] / "recipes"


def recipe(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("recipe", RECIPES / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [path.name for path in sorted(RECIPES.glob("*.py"))])
def test_cards_of_a_chapter_have_the_settings_and_seeds_of_its_recipe(name) -> None:
    wanted, chapter = recipe(name).WANTED, name[:2]
    found = {file.stem for file in (RECIPES / "cards").glob(f"{chapter}-*.json")}
    assert found == set(wanted)
    for card_name, (settings, seeds) in wanted.items():
        card = results.read(RECIPES / f"cards/{card_name}.json")
        expected = {key: settings[key] for key in settings if key != "metric"}
        assert card["parameters"] == expected
        if "metric" in settings:
            assert card["metric"] == f"{settings['set']} {settings['metric']}"
        assert [seed["seed"] for seed in card["seeds"]] == list(seeds)
        assert name in card["command"]
