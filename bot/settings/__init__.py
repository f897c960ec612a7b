"""The settings file and the environment, read here and nowhere else."""

from bot.settings.problems import SettingsProblem, SettingsWrong
from bot.settings.read import load_settings, load_terminal

__all__ = ["SettingsProblem", "SettingsWrong", "load_settings", "load_terminal"]
