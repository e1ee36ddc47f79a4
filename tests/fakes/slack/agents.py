"""Slack's agent surface: streams, sessions, status lines, titles, suggested prompts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.fakes.slack.state import Posted, Workspace

BOT = "UBOT"
Answer = dict[str, Any]
_STATUSES = ("active", "processing", "suspended", "closed")


def failed(error: str) -> Answer:
    return {"ok": False, "error": error}


def blocks_of(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The blocks of a call, however they came."""
    blocks = arguments.get("blocks") or []
    return json.loads(blocks) if isinstance(blocks, str) else list(blocks)


class AgentMethods:
    """What an app may only call when it is an agent, or when streaming is allowed to it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.streaming_refusal = ""
        """What `chat.startStream` says instead of beginning one."""
        self.agent = False
        self.hears_stop = True
        """Whether the app is subscribed to `agent_session_stopped`."""
        self.feedback = True
        """Whether messages may have Slack's own feedback buttons."""

    def may_show(self, a: Mapping[str, Any]) -> bool:
        """Whether the blocks of a call are valid here."""
        return self.feedback or all(b["type"] != "context_actions" for b in blocks_of(a))

    # --- streams --------------------------------------------------------------------------------

    def chat_startStream(self, a: Mapping[str, Any]) -> Answer:
        if self.streaming_refusal:
            return failed(self.streaming_refusal)
        if not a.get("thread_ts"):
            return failed("restricted_action_thread_only_channel")
        if not a["channel"].startswith("D"):
            for who in ("recipient_user_id", "recipient_team_id"):
                if not a.get(who):
                    return failed(f"missing_{who}")
        message = Posted(
            a["channel"], self.workspace.ts(), BOT, a.get("markdown_text") or "",
            thread_ts=a["thread_ts"], streaming=True, streamed=True,
        )  # fmt: skip
        self.workspace.add(message)
        if self.agent:
            self.workspace.sessions[a["channel"], a["thread_ts"]] = "processing"
        return {"ok": True, "channel": message.channel, "ts": message.ts}

    def chat_appendStream(self, a: Mapping[str, Any]) -> Answer:
        if (error := self._not_streaming(a)) is not None:
            return failed("stopped_by_user" if error == "stopped" else error)
        if not a.get("markdown_text"):
            return failed("no_text")
        message = self.workspace.messages[a["channel"], a["ts"]]
        message.text += a["markdown_text"]
        self.workspace.record_edit(message)
        return {"ok": True, "channel": message.channel, "ts": message.ts}

    def chat_stopStream(self, a: Mapping[str, Any]) -> Answer:
        if (error := self._not_streaming(a)) is not None:
            return failed("message_not_in_streaming_state" if error == "stopped" else error)
        if not self.may_show(a):
            return failed("invalid_blocks")
        message = self.workspace.messages[a["channel"], a["ts"]]
        message.text += a.get("markdown_text") or ""
        message.blocks = blocks_of(a)
        message.streaming = False
        self.workspace.record_edit(message)
        place = (message.channel, message.thread_ts or "")
        if place in self.workspace.sessions:
            self.workspace.sessions[place] = "active"
        return {"ok": True, "channel": message.channel, "ts": message.ts}

    def _not_streaming(self, a: Mapping[str, Any]) -> str | None:
        message = self.workspace.find(a["channel"], a["ts"])
        if message is None:
            return "message_not_found"
        if message.streaming:
            return None
        return "stopped" if message.stopped else "message_not_in_streaming_state"

    # --- sessions -------------------------------------------------------------------------------

    def agents_sessions_setStatus(self, a: Mapping[str, Any]) -> Answer:
        if not self.agent:
            return failed("not_authorized")
        if not a.get("thread_ts"):
            return failed("thread_ts_required")
        if a["status"] not in _STATUSES:
            return failed("invalid_status")
        if len(a.get("title", "")) > 200:
            return failed("invalid_arg_name")
        place = (a["channel_id"], a["thread_ts"])
        if place not in self.workspace.sessions and "title" in a:
            self.workspace.titles[place] = a["title"]
        self.workspace.sessions[place] = a["status"]
        answer = {"ok": True, "status": a["status"], "title": self.workspace.titles.get(place, "")}
        if a["status"] == "processing" and not self.hears_stop:
            lacking = "missing_agent_session_stopped_event_subscription"
            answer["response_metadata"] = {"warnings": [lacking]}
        return answer

    def assistant_threads_setStatus(self, a: Mapping[str, Any]) -> Answer:
        if not self.agent:
            return failed("not_allowed_token_type")
        place = (a["channel_id"], a["thread_ts"])
        self.workspace.statuses.setdefault(place, []).append(a["status"])
        self.workspace.timeline.add("status", BOT, "/".join(place), "", a["status"])
        return {"ok": True}

    def assistant_threads_setTitle(self, a: Mapping[str, Any]) -> Answer:
        if not self.agent:
            return failed("not_allowed_token_type")
        self.workspace.titles[a["channel_id"], a["thread_ts"]] = a["title"]
        return {"ok": True}

    def assistant_threads_setSuggestedPrompts(self, a: Mapping[str, Any]) -> Answer:
        if not self.agent:
            return failed("not_agent_app")
        prompts = a["prompts"]
        prompts = json.loads(prompts) if isinstance(prompts, str) else prompts
        if not 0 < len(prompts) <= 4 or any(set(p) != {"title", "message"} for p in prompts):
            return failed("invalid_arg_name")
        self.workspace.prompts[a["channel_id"], a.get("thread_ts") or ""] = list(prompts)
        return {"ok": True}
