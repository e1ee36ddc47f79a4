"""The section of config.yaml that concerns pictures for models that see."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.config.base import Section


class PictureSettings(Section):
    """Pictures of messages and attached documents, which go to models that see."""

    per_message: Annotated[int, Field(ge=0, le=16)] = 4
    """Pictures of one message that a model sees at most; 0: none."""
    megapixels: Annotated[int, Field(ge=1, le=200)] = 64
    """Largest picture that is decoded, in millions of pixels."""
    side_pixels: Annotated[int, Field(ge=224, le=4096)] = 1024
    """Longer side of what a model is sent, in pixels; larger pictures take more tokens."""
