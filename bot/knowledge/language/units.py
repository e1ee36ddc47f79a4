"""Words of several languages for units, months and small numbers."""

from __future__ import annotations

_UNIT_NAMES = {
    "%": "% percent prozent percentage procent",
    "eur": "€ eur euro euros 欧元 ユーロ",
    "usd": "$ usd dollar dollars dólares 美元",
    "gbp": "£ gbp pounds",
    "cny": "¥ cny yuan 人民币 元",
    "ms": "ms millisecond milliseconds millisekunden 毫秒",
    "s": "s sec secs second seconds sekunde sekunden seconde secondes segundo segundos 秒 秒钟",
    "min": "min mins minute minutes minuten minuto minutos 分钟 分",
    "h": "h hr hrs hour hours stunde stunden heure heures hora horas 小时 時間",
    "day": "day days tag tage tagen jour jours día días dia dias 天 日間",
    "week": "week weeks woche wochen semaine semaines semana semanas 周 星期 週間",
    "month": "month months monat monate monaten mois mes meses 个月 か月",
    "year": "year years jahr jahre jahren an ans année années año años 年",
    "kb": "kb kib",
    "mb": "mb mib",
    "gb": "gb gib",
    "tb": "tb tib",
    "mm": "mm millimetres millimeters millimeter",
    "cm": "cm centimetre centimetres centimeter centimeters zentimeter 厘米",
    "m": "metre metres meter meters metern mètre mètres metro metros 米",
    "km": "km kilometre kilometres kilometer kilometers kilometern 公里",
    "kg": "kg kilo kilos kilogram kilograms kilogramm 公斤 千克",
}
UNITS = {name: unit for unit, names in _UNIT_NAMES.items() for name in names.split()}
"""Maps a unit as it is written, in lower case, to one name for all languages."""

SECONDS_PER_UNIT = {"s": 1, "min": 60, "h": 3600, "day": 86400, "week": 604800}
"""The length in seconds of the units of time that have a fixed length."""
SCALE_FACTORS = {
    "thousand": 10**3, "tausend": 10**3, "mille": 10**3, "mil": 10**3, "k": 10**3, "千": 10**3,
    "万": 10**4, "萬": 10**4, "million": 10**6, "millions": 10**6, "millionen": 10**6,
    "millones": 10**6, "mio": 10**6, "亿": 10**8, "億": 10**8, "billion": 10**9,
    "milliarden": 10**9, "milliards": 10**9,
}  # fmt: skip
MONTH_NUMBERS = {
    name: number
    for number, names in enumerate(
        (
            "january januar janvier enero jan",
            "february februar février febrero feb",
            "march märz mars marzo mar",
            "april avril abril apr",
            "may mai mayo",
            "june juni juin junio jun",
            "july juli juillet julio jul",
            "august août agosto aug",
            "september septembre septiembre sep sept",
            "october oktober octobre octubre oct okt",
            "november novembre noviembre nov",
            "december dezember décembre diciembre dec dez",
        ),
        1,
    )
    for name in names.split()
}
SPELLED_NUMBERS = {
    name: number
    for number, names in (
        (1, "one eine einen"),
        (2, "two zwei deux dos 两 二"),
        (3, "three drei trois tres 三"),
        (4, "four vier quatre cuatro 四"),
        (5, "five fünf cinq cinco 五"),
        (6, "six sechs seis 六"),
        (7, "seven sieben sept siete 七"),
        (8, "eight acht huit ocho 八"),
        (9, "nine neun neuf nueve 九"),
        (10, "ten zehn dix diez 十"),
        (11, "eleven elf onze once 十一"),
        (12, "twelve zwölf douze doce 十二"),
        (14, "fourteen vierzehn quatorze catorce 十四"),
        (15, "fifteen fünfzehn quinze quince 十五"),
        (20, "twenty zwanzig vingt veinte 二十"),
        (30, "thirty dreißig trente treinta 三十"),
        (60, "sixty sechzig soixante sesenta 六十"),
    )
    for name in names.split()
}
