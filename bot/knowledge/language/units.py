"""Words of several languages for units, months and small numbers."""

from __future__ import annotations

_UNIT_NAMES = {
    "%": "% percent prozent percentage procent",
    "eur": "€ eur euro euros 欧元 ユーロ",
    "usd": "$ usd dollar dollars dólares 美元",
    "gbp": "£ gbp pounds",
    "cny": "¥ cny yuan 人民币 元",
    "rub": "₽ руб рубль рубля рублей",
    "try": "₺ tl lira",
    "ms": "ms millisecond milliseconds millisekunden 毫秒",
    "s": "s sec secs second seconds sekunde sekunden seconde secondes segundo segundos "
    "секунда секунды секунд сек saniye 秒 秒钟",
    "min": "min mins minute minutes minuten minuto minutos минута минуты минут "
    "мин dakika dk 分钟 分",
    "h": "h hr hrs hour hours stunde stunden heure heures hora horas час часа часов saat 小时 時間",
    "day": "day days tag tage tagen jour jours día días dia dias день дня дней gün 天 日間",
    "week": "week weeks woche wochen semaine semaines semana semanas неделя недели недель "
    "hafta 周 星期 週間",
    "month": "month months monat monate monaten mois mes meses месяц месяца месяцев ay 个月 か月",
    "year": "year years jahr jahre jahren an ans année années año años год года лет yıl 年",
    "kb": "kb kib",
    "mb": "mb mib",
    "gb": "gb gib",
    "tb": "tb tib",
    "mm": "mm millimetres millimeters millimeter",
    "cm": "cm centimetre centimetres centimeter centimeters zentimeter см 厘米",
    "m": "metre metres meter meters metern mètre mètres metro metros 米",
    "km": "km kilometre kilometres kilometer kilometers kilometern км 公里",
    "kg": "kg kilo kilos kilogram kilograms kilogramm кг 公斤 千克",
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
