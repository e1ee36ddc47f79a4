"""Maps each exception to the outcome of a turn and the notice that a person reads."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from backends.errors import (
    AnswerInterrupted,
    BackendBusy,
    BackendError,
    ContextOverflow,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
)
from bot.catalogue.sentence import say
from bot.errors import Busy, UserFacingError
from bot.types import Action, Notice, State

LENGTH_NOTICE = say("The answer reached its length limit.")
CONTINUE = Action("continue", say("Continue"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended. `again` says whether another attempt may succeed."""

    state: State
    notice: Notice | None = None
    again: bool = False

    @property
    def error_id(self) -> str | None:
        """The id under which the log has the stack trace; None without an error."""
        return self.notice.error_id if self.notice else None


def outcome_of(error: BaseException) -> Outcome:
    """Return a refusal for what a person can change, an error with an id for everything else.

    What an engine says of itself names servers, files and protocols: it is for the log alone.
    """
    match error:
        case BackendBusy():
            words = say(
                "The model is busy; try again in about {seconds:.0f} s.",
                seconds=error.retry_after_s,
            )
            return Outcome("refused", Notice(words, "refusal"), again=True)
        case Busy():
            return Outcome("refused", Notice(str(error), "refusal"), again=True)
        case UserFacingError():
            return Outcome("refused", Notice(str(error), "refusal"))
        case ContextOverflow():
            share = max(1, 100 * error.limit // max(error.tokens, 1))
            words = say(
                "This is too long for the model, which can read about {share} % of "
                "it. Shorten it, or choose another model with /model.",
                share=share,
            )
            return Outcome("refused", Notice(words, "refusal", detail=str(error)))
        case InvalidRequest():
            words = say("The model cannot answer this. Try other words, or see /model.")
            return _failed(words, str(error))
        case DeadlineExceeded():
            return _failed(say("The answer took too long, so I ended it."), str(error))
        case ModelNotFound():
            words = say("This model is not available. Choose another with /model.")
            return _failed(words, str(error))
        case AnswerInterrupted():
            return _failed(say("The answer broke off here."), str(error))
        case BackendError():
            words = say("The model could not answer just now.")
            return _failed(words, str(error))
        case _:
            return _failed(say("Something went wrong on our side."))


def empty_answer(model: str) -> Outcome:
    """The outcome of a skill that ended without an answer; `model` is the one it asked, if any."""
    words = say("The model gave no answer.") if model else say("There is no answer to this.")
    return Outcome("failed", Notice(words, "error"), again=True)


def cut_answer() -> Outcome:
    """The outcome of an answer that reached its length limit, and can go on."""
    return Outcome("complete", Notice(LENGTH_NOTICE, "footer", actions=(CONTINUE,)))


def _failed(sentence: str, detail: str = "") -> Outcome:
    error_id = secrets.token_hex(4)
    text = say(
        "{sentence} An admin can look it up under {error_id}.", sentence=sentence, error_id=error_id
    )
    return Outcome("failed", Notice(text, "error", error_id=error_id, detail=detail), again=True)
