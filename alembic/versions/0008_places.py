"""Where in its file a passage stands, and what a document's loader left out.

Revision: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_PASSAGES = "knowledge_passages"
_DOCUMENTS = "knowledge_documents"


def upgrade() -> None:
    for name in ("page", "slide", "sheet_row"):
        op.add_column(_PASSAGES, sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.add_column(_PASSAGES, sa.Column("sheet", sa.String, nullable=False, server_default=""))
    op.add_column(_DOCUMENTS, sa.Column("left_out", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column(_DOCUMENTS, "left_out")
    for name in ("sheet", "sheet_row", "slide", "page"):
        op.drop_column(_PASSAGES, name)
