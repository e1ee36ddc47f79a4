"""Stop words of several languages: ignored by searches, and used to recognise languages."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH = _words(
    """a about above after again against all also am an and any are as at be because been before
    being below between both but by can cannot could did do does doing don down during each few
    for from further get gets had has have having he her here hers herself him himself his how i
    if in into is isn it its itself just let like ll me more most much my myself near no nor not now
    of off on once only or other our ours ourselves out over own please re same shall she should
    so some such tell than that the their theirs them themselves then there these they this
    those through to too under until up us use used uses using ve very was wasn we were weren
    what whats when where which while who whom whose why will with won would you your yours
    yourself"""
)
"""English stop words."""

_SPANISH = _words(
    """está están
    a al algo como con cual cuales cuando cuanto cuantos de del desde donde el ella en entre
    era
    es esta este esto fue ha hay la las le lo los más me mi muy no nos o para pero por porque
    que qué quien quién se ser si sin sobre son su sus también te tiene un una y ya cómo cuál
    cuáles cuándo dónde cuánto cuánta cuántos cuántas puedo puede hacer hace hay he ha han tengo
    tiene tienen debo debe"""
)
_FRENCH = _words(
    """à au aux avec ce ces cette comment dans de des du elle en est et été il je la le les leur
    mais ne nous on ou où par pas plus pour pourquoi quand que quel quelle quels quelles qui sa
    se ses son sont sur un une vous peut puis faire combien quoi qu ai as avez ont faut fait dois
    doit si mon ma mes on quelqu"""
)
_GERMAN = _words(
    """aber als am an auch auf aus bei bin bis das dass dem den der des die doch du durch ein eine
    einem einen einer eines er es für hat ich im in ist kann kein man mehr mich mit nach nicht
    noch nur oder sich sie sind so über um und uns von vor wann warum was welche welcher welches
    wenn wer wie wird wo wurde zu zum zur darf dürfen muss müssen soll sollen können könnte habe
    haben wieviel wieviele wen wem mein meine meinen meiner meinem"""
)
_ITALIAN = _words(
    """al alla che chi ci come con cosa da dal dalla dei del della di dove e è gli ha il in io la
    le lo ma mi nel nella non o per perché più quale quali quando quanto questo se si sono su
    sul un una posso dell nell all sull dall quant cos"""
)
_PORTUGUESE = _words(
    """ao as com como da das de do dos e é ela em foi há isso mais mas me na nas não no nos o os ou
    para pela pelo por porque qual quais quando quanto que quem se sem ser seu sua são também um
    uma onde posso"""
)
_DUTCH = _words(
    """aan als bij dan dat de den der deze die dit door een en er geen had heb heeft het hij hoe ik
    in is kan maar met mijn naar niet nog of om onder ook op te tot uit van veel voor waar
    waarom wanneer was wat welke wie wordt zal ze zich zijn zo"""
)
_RUSSIAN = _words(
    """а без был была были было быть в вы где для его ее есть же за и из или их к как какая какие
    какой когда кто ли мне можно мы на не но о об он она они от по почему с сколько так также то
    у что чтобы это я"""
)

_TURKISH = _words(
    """ama bana ben bir biz bu da daha de diye en gibi hangi hem her için ile kaç kadar ki kim kime
    mi mu mü mı musun misin nasıl ne neden nerede nereye niye o olarak olur olan sen siz şu var ve
    veya ya yok zaman"""
)

STOP_WORDS_BY_LANGUAGE = {
    "es": _SPANISH,
    "fr": _FRENCH,
    "de": _GERMAN,
    "it": _ITALIAN,
    "pt": _PORTUGUESE,
    "nl": _DUTCH,
    "ru": _RUSSIAN,
    "tr": _TURKISH,
}
_OTHERS = frozenset[str]().union(*STOP_WORDS_BY_LANGUAGE.values())

OTHER_LANGUAGES = _OTHERS - ENGLISH - {"die", "den", "son", "come", "dove", "sur", "her", "no"}
OTHER_LANGUAGES -= {"all", "as", "fait", "he", "ma", "quant", "var", "ya", "zaman"}
"""Stop words of other languages that are no English words."""

STOP_WORDS = ENGLISH | OTHER_LANGUAGES
"""The stop words of all languages."""


def find_stop_words(language: str) -> frozenset[str]:
    """Returns the words that questions in a language (ISO 639-1) are not searched for.

    Where it is known, they are its own and those that no other language has as a word that means
    something: `den` asks for nothing in German, and for an animal's home in English.
    """
    if language == "en":
        return ENGLISH
    return STOP_WORDS | STOP_WORDS_BY_LANGUAGE.get(language, frozenset())


STOP_CHARACTERS = frozenset("的了是在吗呢么怎什哪谁嗎麼誰はがをにでとものかへやねよですます")
"""Chinese and Japanese stop characters: pairs made of them are ignored."""

OPENING_WORDS = _words(
    """and or but then also und oder aber dann y e o pero entonces et ou mais alors ed ma allora mas
    então en maar dan и а но тогда 그럼 그리고 그러면"""
)
"""Words that open a follow-up question."""

REFERRING_WORDS = _words(
    """it its it's they them their theirs that those these this he him his her hers ones instead
    das dies diese dieser dieses davon dafür damit dazu dort ihn ihm ihnen deren dessen
    eso esa ese esto ello allí él ella ellos ellas
    cela ça celui celle ceux celles elles ils eux leur leurs
    questo quello quella quelli ciò lui lei loro
    isso isto aquilo ele ela eles elas dele dela
    dat dit deze hij zij hun ervan daarvoor
    это этот эта эти он она оно его её их там
    그것 그건 그게 그거 이것 이건 거기 그곳 그분"""
)
"""Pronouns and other words that refer to something named before."""

THANKS_WORDS = _words(
    "thanks thank thx danke merci gracias grazie obrigado obrigada bedankt спасибо"
)
"""Words of thanks, which open no follow-up question."""
