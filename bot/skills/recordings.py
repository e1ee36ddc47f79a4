"""Tells recordings, which nobody here listens to, from files that may be read."""

from __future__ import annotations

import mimetypes

from bot.catalogue.sentence import say
from bot.events import Attachment

SOUND = say("I can't listen to voice messages and other recordings yet; please write it to me.")
FILM = say("I can't watch videos yet; please write to me what it is about.")

mimetypes.init()  # reads the system's lists, which at the first name would hold up the event loop


def recording_refusal(attachment: Attachment) -> str:
    """What to say of a voice message, another recording or a video; empty for any other file."""
    kind = (attachment.content_type or "").partition(";")[0].strip().lower()
    if not kind.startswith(("audio/", "video/")):
        kind = mimetypes.guess_type(attachment.name)[0] or ""
    return {"audio": SOUND, "video": FILM}.get(kind.partition("/")[0], "")
