"""Without the extra, kind axelrod says what to install; everything else goes on working."""

from __future__ import annotations

import sys

import pytest

from thermopolis.agents.axelrod_player import AxelrodPlayer, library
from thermopolis.errors import ModelError


def test_the_missing_library_is_named_with_the_remedy(monkeypatch):
    library.cache_clear()
    monkeypatch.setitem(sys.modules, "axelrod", None)  # what an absent package looks like to an import
    with pytest.raises(ModelError, match=r"pip install 'thermopolis\[axelrod\]'"):
        AxelrodPlayer("Tit For Tat")
    library.cache_clear()
