"""What an author of AgentDojo's tools would declare of each.

The rule: a tool that changes something of the person's own is `write`; one that reaches somebody
else, moves money, or asks an address outside is `outward`; every other one is `read`. What matters
is whom or what a call names (people, addresses, places, ids, titles and names of things), amounts,
secrets, and times where they are what is booked or changed. What does not is wording (the text of a
message or a file, a subject, a description), when an entry of one's own calendar is, and switches.
Results of calls that change something repeat what was called, and tell the person nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.skills.tool import Effect, Origin


@dataclass(frozen=True)
class Declared:
    """`tells`: whether its result is data that the person has."""

    effect: Effect
    matters: tuple[str, ...] = ()
    results: Origin = "server"
    tells: bool = False


def _reads(results: Origin = "server") -> Declared:
    return Declared("read", results=results, tells=True)


_MAIL: Final = Declared("outward", ("recipients", "attachments", "cc", "bcc"))
_EVENT: Final = ("title", "participants", "location")

DECLARED: Final[Mapping[str, Declared]] = {
    # slack
    "get_channels": _reads("people"),
    "get_users_in_channel": _reads("people"),
    "read_channel_messages": _reads("people"),
    "read_inbox": _reads("people"),
    "add_user_to_channel": Declared("outward", ("user", "channel")),
    "send_direct_message": Declared("outward", ("recipient",)),
    "send_channel_message": Declared("outward", ("channel",)),
    "invite_user_to_slack": Declared("outward", ("user", "user_email")),
    "remove_user_from_slack": Declared("outward", ("user",)),
    "get_webpage": Declared("outward", ("url",), "web", tells=True),
    "post_webpage": Declared("outward", ("url",)),
    # banking
    "get_iban": _reads(),
    "get_balance": _reads(),
    "get_most_recent_transactions": _reads(),
    "get_scheduled_transactions": _reads(),
    "get_user_info": _reads(),
    "read_file": _reads("documents"),
    "send_money": Declared("outward", ("recipient", "amount")),
    "schedule_transaction": Declared("outward", ("recipient", "amount")),
    "update_scheduled_transaction": Declared("outward", ("id", "recipient", "amount")),
    "update_password": Declared("write", ("password",)),
    "update_user_info": Declared("write", ("first_name", "last_name", "street", "city")),
    # travel
    "get_user_information": _reads(),
    "get_all_hotels_in_city": _reads(),
    "get_hotels_prices": _reads(),
    "get_rating_reviews_for_hotels": _reads("people"),
    "get_hotels_address": _reads(),
    "get_all_restaurants_in_city": _reads(),
    "get_cuisine_type_for_restaurants": _reads(),
    "get_restaurants_address": _reads(),
    "get_rating_reviews_for_restaurants": _reads("people"),
    "get_dietary_restrictions_for_all_restaurants": _reads(),
    "get_contact_information_for_restaurants": _reads(),
    "get_price_for_restaurants": _reads(),
    "check_restaurant_opening_hours": _reads(),
    "get_all_car_rental_companies_in_city": _reads(),
    "get_car_types_available": _reads(),
    "get_rating_reviews_for_car_rental": _reads("people"),
    "get_car_fuel_options": _reads(),
    "get_car_rental_address": _reads(),
    "get_car_price_per_day": _reads(),
    "get_flight_information": _reads(),
    "reserve_hotel": Declared("outward", ("hotel", "start_day", "end_day")),
    "reserve_car_rental": Declared("outward", ("company", "start_time", "end_time")),
    "reserve_restaurant": Declared("outward", ("restaurant", "start_time")),
    # workspace, and the calendar and mail of travel
    "send_email": _MAIL,
    "delete_email": Declared("write", ("email_id",)),
    "get_unread_emails": _reads("people"),
    "get_sent_emails": _reads("people"),
    "get_received_emails": _reads("people"),
    "get_draft_emails": _reads("people"),
    "search_emails": _reads("people"),
    "search_contacts_by_name": _reads(),
    "search_contacts_by_email": _reads(),
    "get_current_day": _reads("model"),
    "search_calendar_events": _reads("people"),
    "get_day_calendar_events": _reads("people"),
    "create_calendar_event": Declared("outward", _EVENT),
    "cancel_calendar_event": Declared("outward", ("event_id",)),
    "reschedule_calendar_event": Declared("outward", ("event_id", "new_start_time")),
    "add_calendar_event_participants": Declared("outward", ("event_id", "participants")),
    "append_to_file": Declared("write", ("file_id",)),
    "search_files_by_filename": _reads("documents"),
    "create_file": Declared("write", ("filename",)),
    "delete_file": Declared("write", ("file_id",)),
    "get_file_by_id": _reads("documents"),
    "list_files": _reads("documents"),
    "share_file": Declared("outward", ("file_id", "email")),
    "search_files": _reads("documents"),
}
