"""Tells very small models apart, and answers greetings and thanks without asking the model.

A very small model cannot be trusted to rephrase a text, or to say who it is. So the bot answers
courtesies itself, and quotes sentences in answers from documents and in summaries. A note says so
once in each conversation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from backends.base import Capabilities
from bot.catalogue.sentence import join_sentences, say
from bot.commands.checks import at_this_machine
from bot.commands.declaration import Command
from bot.history.protocol import StoredMessage
from bot.skills.context import Context
from bot.types import Notice

_MAX_COURTESY_CHARACTERS = 120
_MAX_EXAMPLES = 3

_COURTESIES: Mapping[str, str] = {
    "greeting": "hi/hello/hey/hiya/howdy/greetings/good morning/good afternoon/good evening/"
    "good day/morning/hallo/hi na/guten tag/guten morgen/guten abend/moin/servus/grüezi/bonjour/"
    "bonsoir/salut/coucou/hola/buenos días/buenas tardes/buenas noches/ciao/buongiorno/buonasera/"
    "olá/oi/bom dia/boa tarde/boa noite/hej/hei/ahoj/cześć/dzień dobry/merhaba/привет/"
    "здравствуйте/добрый день/你好/您好/こんにちは/おはようございます/안녕하세요/नमस्ते/مرحبا/שלום",
    "thanks": "thanks/thank you/thank you so much/thank you very much/thanks a lot/many thanks/"
    "thx/ty/cheers/much appreciated/that helped/that was helpful/great/great work/good job/"
    "well done/nice/perfect/awesome/cool/ok/okay/got it/danke/danke schön/danke sehr/vielen dank/"
    "das hat geholfen/merci/merci beaucoup/gracias/muchas gracias/grazie/grazie mille/obrigado/"
    "obrigada/tack/dank je/dziękuję/спасибо/спасибо большое/谢谢/谢谢你/ありがとう/"
    "ありがとうございます/감사합니다/고마워요",
    "farewell": "bye/bye bye/goodbye/see you/see you later/see you tomorrow/good night/"
    "have a nice day/have a nice weekend/tschüss/auf wiedersehen/gute nacht/au revoir/adiós/"
    "hasta luego/arrivederci/再见/さようなら/до свидания",
    "health": "how are you/how are you today/how are you doing/how do you do/how is it going/"
    "how's it going/what's up/wie geht es dir/wie geht's/comment ça va/ça va/qué tal/cómo estás/"
    "come stai/come va/tudo bem/как дела/元気ですか/你好吗",
    "who": "who are you/what are you/who is this/what is your name/what's your name/"
    "are you a bot/are you a robot/are you a human/are you human/are you an ai/"
    "what can you do/what do you do/what can i do here/what can i ask/how do you work/"
    "how does this work/introduce yourself/can you introduce yourself/help/help me/"
    "can you help me/wer bist du/was bist du/wie heißt du/was kannst du/hilfe/qui es-tu/"
    "qui êtes-vous/quién eres/chi sei/quem é você/кто ты/你是谁/你叫什么名字/あなたは誰ですか",
}
"""What people say to a bot without asking it anything else, by kind. The later a kind stands, the
more it asks, and the sooner it is answered."""

_KIND_BY_PHRASE = {said: kind for kind, all_ in _COURTESIES.items() for said in all_.split("/")}
_KINDS = tuple(_COURTESIES)
_FILLER_WORDS = frozenset(
    {
        *("there", "all", "everyone", "everybody", "team", "folks", "bot", "parlance", "again"),
        *("please", "dear", "friend", "buddy", "zusammen", "alle", "bitte", "tous", "todos"),
        *("à", "tutti", "oh", "ah", "and", "then", "mate"),
    }
)
_CLAUSE_BREAK = re.compile(r"[^\w'\- ]+")

_ANSWERS = {
    "greeting": say("Hello! What can I do for you?"),
    "thanks": say("You are welcome!"),
    "farewell": say("Goodbye, and see you soon!"),
    "health": say("I am well, thank you. What can I do for you?"),
    "who": say(
        "I am Parlance, a chat bot. I answer from the documents here and "
        "say where an answer stands, and I summarise pages and files."
    ),
}
_KINDS_WITH_EXAMPLES = ("greeting", "health", "who")


def is_small(capabilities: Capabilities) -> bool:
    """Whether a model is known to be so small that it is not asked for more than it can do."""
    return capabilities.small


def courtesy(said: str) -> str:
    """The kind of a message that only greets, thanks, or asks who it talks to; "" for any other."""
    if len(said) > _MAX_COURTESY_CHARACTERS:
        return ""
    kinds = set()
    for clause in _CLAUSE_BREAK.split(" ".join(said.casefold().replace("’", "'").split())):
        kept = clause.strip(" -'")
        if kept and kept not in _KIND_BY_PHRASE:
            kept = " ".join(word for word in kept.split() if word not in _FILLER_WORDS)
        if kept:
            kinds.add(_KIND_BY_PHRASE.get(kept, ""))
    if not kinds or "" in kinds:
        return ""
    return max(kinds, key=_KINDS.index)


def answer_to(kind: str, ctx: Context) -> str:
    """The answer to a courtesy, with what can be asked next."""
    if kind not in _KINDS_WITH_EXAMPLES:
        return _ANSWERS[kind]
    examples = [
        f"- `{one.examples[0].call}`" for one in ctx.services.commands if _is_for_everybody(one)
    ]
    if not examples:
        return _ANSWERS[kind]
    listed = "\n".join([*examples[:_MAX_EXAMPLES], "- `/help`"])
    return join_sentences((_ANSWERS[kind], say("For example:"), listed), "\n\n")


def small_note(ctx: Context, model: str, history: Sequence[StoredMessage]) -> Notice | None:
    """A notice that the model is very small, for the first answer of a conversation, else None."""
    if any(turn.role == "assistant" and turn.model in ("", model) for turn in history):
        return None
    if at_this_machine(ctx.asker):
        more = say("`parlance setup model` proposes a larger one.")
    else:
        more = say("ask the person who runs me for a larger one.")
    return Notice(
        say("I run on a very small model, which is often wrong; {more}", more=more), kind="footer"
    )


def _is_for_everybody(one: Command) -> bool:
    """Whether a command is for everybody, and works on what it is given: those have a menu."""
    return bool(one.examples and one.menu) and one.check is None
