"""Builds the core from its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from pydantic import BaseModel

from bot.history.prompts import KeptPrompts
from bot.history.suspensions import Suspensions
from bot.observability.redaction import Redactor
from bot.processes.crew import Crew
from bot.processes.received_events import ReceivedEvents
from bot.replies.delivery import DeliveryTimeouts
from bot.replies.protocol import Replies
from bot.skills.services import Services
from bot.skills.skill import Skill
from bot.turns.actions import SummaryText, no_summary
from bot.turns.admission import Entrance
from bot.turns.choices_elsewhere import ChoicesElsewhere
from bot.turns.core import Core
from bot.turns.inquiries import OpenInquiries
from bot.turns.intake import Intake
from bot.turns.middleware import (
    Metrics,
    Middleware,
    check_permissions,
    log_turns,
    measure_turns,
    wrap,
)
from bot.turns.open_turns import OpenTurns
from bot.turns.platforms import Platforms
from bot.turns.policy import Policy
from bot.turns.quota import Quota
from bot.turns.router import Router
from bot.turns.runner import TurnDependencies, TurnLimits


def assemble(
    skills: Sequence[Skill],
    services: Services,
    open_turns: OpenTurns,
    replies: Replies,
    *,
    policy: Policy | None = None,
    settings: Mapping[str, BaseModel | None] | None = None,
    limits: TurnLimits | None = None,
    metrics: Metrics | None = None,
    middleware: Sequence[Middleware] = (),
    timeouts: DeliveryTimeouts | None = None,
    redact: Redactor | None = None,
    suspensions: Suspensions | None = None,
    summary_text: SummaryText = no_summary,
    platforms: Platforms | None = None,
    prompts: KeptPrompts | None = None,
    crew: Crew | None = None,
    quota: Quota | None = None,
    received: ReceivedEvents | None = None,
) -> Core:
    """Build the core.

    `open_turns` must be the same object as `services.turns`. `redact` removes the operator's
    secrets from everything that is shown or stored of an answer. A turn passes through logging,
    metrics, permissions, quota and `middleware`, in this order, before it reaches its skill. A turn
    can be suspended if `suspensions` are given. `prompts` keeps what models are sent. `crew` are
    the processes on the same database; without it this one is alone. `quota` counts the turns that
    `policy.quota_per_hour` limits; by default in memory. `received` keeps events until they are
    handled; without it none are kept.
    """
    policy = policy or Policy()
    limits = limits or TurnLimits()
    timeouts = timeouts or DeliveryTimeouts()
    redact = redact or Redactor()
    platforms = platforms or Platforms(policy.is_admin)
    crew = crew or Crew()
    platforms.join(crew.peers)
    inquiries = OpenInquiries(
        open_turns,
        platforms,
        replies,
        services.authorize,
        redact,
        timeouts,
        peers=crew.peers,
    )
    services = replace(services, inquiries=inquiries)
    router = Router(skills, services, settings=settings, max_chars=policy.max_chars)
    layers: list[Middleware] = [log_turns]
    if metrics is not None:
        layers.append(measure_turns(metrics))
    layers.append(check_permissions(services.authorize))
    if policy.quota_per_hour is not None:
        counted = Quota(policy.quota_per_hour) if quota is None else quota
        layers.append(counted.limit)
    dependencies = TurnDependencies(
        store=services.history,
        open_turns=open_turns,
        handler=wrap(router.run, [*layers, *middleware]),
        authorize=services.authorize,
        suspensions=suspensions,
        calls=services.calls,
        keep_prompts=None if prompts is None else partial(prompts.add, redact=redact),
        summary_text=summary_text,
        channel_settings=policy.channel_settings,
        limits=limits,
        timeouts=timeouts,
        redact=redact,
    )
    entrance = Entrance(policy.is_admin, policy.admission)
    intake = Intake(
        router,
        dependencies,
        entrance,
        platforms,
        replies,
        inquiries,
        policy.admin_word,
        crew,
    )
    choices = ChoicesElsewhere(crew.peers, platforms, intake.choose)
    return Core(
        intake, open_turns, router, replies, policy, services, platforms, crew, choices, received
    )
