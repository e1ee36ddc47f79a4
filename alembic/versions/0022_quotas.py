"""How much of their questions an hour people have used, where several processes answer them.

Revision: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quotas",
        sa.Column("person", sa.String, nullable=False),
        sa.Column("full_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("person", name="pk_quotas"),
    )


def downgrade() -> None:
    op.drop_table("quotas")
