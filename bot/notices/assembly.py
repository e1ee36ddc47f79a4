"""Puts the notices of a bot together: what is looked after, by what config.yaml says."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from backends.pool.replica import ReplicaStatus
from bot.config import Config
from bot.notices.notices import Notices
from bot.notices.version_watch import installed_version, watch_version
from bot.notices.watches import (
    Sources,
    watch_approvals,
    watch_backups,
    watch_disk,
    watch_documents,
    watch_models,
    watch_schedules,
    watch_vectors,
)
from bot.storage.backup_schedule import BackupSchedule
from bot.storage.database import Database


def create_notices(
    config: Config,
    database: Database,
    models: Callable[[], Sequence[ReplicaStatus]],
    sources: Sources,
    backups: BackupSchedule,
    vectors: Callable[[], str],
    clock: Callable[[], float] = time.time,
) -> Notices:
    """Create the notices with all watches but that of the platforms, which are not there yet."""
    settings = config.notices
    notices = Notices(config.data_dir, settings.channel, settings.per_day, clock=clock)
    notices.watch("disk", watch_disk(config.data_dir, settings.free_mb))
    notices.watch("model", watch_models(models))
    notices.watch("documents", watch_documents(sources))
    notices.watch(
        "approvals",
        watch_approvals(database, settings.approvals_wait, settings.approvals_after),
    )
    notices.watch("schedule", watch_schedules(database))
    notices.watch("backup", watch_backups(backups.failing))
    notices.watch("vectors", watch_vectors(vectors))
    if config.version_check:
        notices.watch("version", watch_version(config.data_dir, installed_version(), clock))
    return notices
