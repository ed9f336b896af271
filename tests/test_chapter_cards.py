"""The cards that the chapters read are those that their recipes would write."""

import importlib.util
from pathlib import Path

from helpers import results

RECIPES = Path(__file__).resolve().parents[1] / "recipes"


def test_cards_of_chapter_13_have_the_settings_and_seeds_of_its_recipe() -> None:
    path = RECIPES / "13_cifar_workflow.py"
    spec = importlib.util.spec_from_file_location("recipe", path)
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    found = {file.stem for file in (RECIPES / "cards").glob("13-*.json")}
    assert found == set(recipe.WANTED)
    for name, (settings, seeds) in recipe.WANTED.items():
        card = results.read(RECIPES / f"cards/{name}.json")
        expected = {key: settings[key] for key in settings if key != "metric"}
        assert card["parameters"] == expected
        assert card["metric"] == f"{settings['set']} {settings['metric']}"
        assert [seed["seed"] for seed in card["seeds"]] == list(seeds)
        assert path.name in card["command"]
