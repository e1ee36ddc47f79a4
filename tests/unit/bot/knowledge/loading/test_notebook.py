"""Jupyter notebooks, of the formats that there were."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.errors import Refused
from bot.knowledge.loading.document import RawDocument
from bot.knowledge.loading.registry import LOADERS
from bot.skills.document_loader import Loaded
from tests.fakes.loaded_text import load_with_text


def read(notebook: Any) -> Loaded:
    data = notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()
    return load_with_text(RawDocument("tides.ipynb", data), LOADERS)


def test_a_notebook_is_its_cells_without_their_output() -> None:
    found = read(
        {
            "nbformat": 4,
            "metadata": {"kernelspec": {"language": "julia"}},
            "cells": [
                {"cell_type": "markdown", "source": ["# Tides\n", "\n", "When they come."]},
                {
                    "cell_type": "code",
                    "source": "print(tide())  # not ```",
                    "outputs": [{"output_type": "stream", "text": ["secret output"]}],
                },
                {"cell_type": "code", "source": [], "outputs": []},
                {"cell_type": "raw", "source": ["As it is."]},
            ],
        }
    )
    assert found.title == "Tides"
    assert found.text == (
        "# Tides\n\nWhen they come.\n\n````julia\nprint(tide())  # not ```\n````\n\nAs it is."
    )


def test_a_notebook_of_the_old_format() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Moon"]},
        {"cell_type": "code", "input": ["phase()"], "language": "python"},
    ]
    found = read({"nbformat": 3, "metadata": {"title": "Sky"}, "worksheets": [{"cells": cells}]})
    assert (found.title, found.text) == ("Sky", "## Moon\n\n```python\nphase()\n```")


@pytest.mark.parametrize(
    ("notebook", "why"),
    [
        (b"{", "is damaged or no notebook"),
        ([], "is damaged or no notebook"),
        ({"cells": 3}, "is damaged or no notebook"),
        ({"cells": [{"cell_type": "code", "source": 3}]}, "is damaged or no notebook"),
        ({"cells": [{"cell_type": "heading", "level": None, "source": "A"}]}, "is damaged"),
        ({"cells": []}, "has no readable text"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_bad_notebook_is_refused(notebook: Any, why: str) -> None:
    with pytest.raises(Refused, match=f"tides.ipynb {why}"):
        read(notebook)
