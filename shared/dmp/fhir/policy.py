"""The overarching policy that consents name, as patients read it: one page per language."""

from __future__ import annotations

from importlib.resources import files

LANGUAGES = ("ar", "fr", "zgh", "en")


def policy_in(language: str) -> str:
    """The page as Markdown; KeyError for a language that it is not written in."""
    if language not in LANGUAGES:
        raise KeyError(language)
    return files("dmp").joinpath("policy", f"{language}.md").read_text("utf-8")
