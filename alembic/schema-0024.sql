CREATE TABLE access_tokens (
	digest VARCHAR NOT NULL,
	person VARCHAR NOT NULL,
	place VARCHAR NOT NULL,
	at BIGINT NOT NULL,
	used_at BIGINT,
	ends_at BIGINT NOT NULL,
	CONSTRAINT pk_access_tokens PRIMARY KEY (digest)
)
 WITHOUT ROWID
;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0024');
CREATE TABLE capabilities (
	replica VARCHAR NOT NULL,
	found TEXT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_capabilities PRIMARY KEY (replica)
)
 WITHOUT ROWID
;
CREATE TABLE choices (
	name VARCHAR NOT NULL,
	scope VARCHAR NOT NULL,
	value TEXT NOT NULL,
	"by" VARCHAR NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_choices PRIMARY KEY (name, scope)
)
 WITHOUT ROWID
;
CREATE TABLE console_changes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	at BIGINT NOT NULL,
	person VARCHAR NOT NULL,
	action VARCHAR NOT NULL,
	subject VARCHAR NOT NULL
);
CREATE TABLE console_links (
	digest VARCHAR NOT NULL,
	person VARCHAR NOT NULL,
	place VARCHAR NOT NULL,
	operator BOOLEAN NOT NULL,
	ends_at BIGINT NOT NULL,
	CONSTRAINT pk_console_links PRIMARY KEY (digest)
);
CREATE TABLE console_sessions (
	digest VARCHAR NOT NULL,
	person VARCHAR NOT NULL,
	place VARCHAR NOT NULL,
	operator BOOLEAN NOT NULL,
	at BIGINT NOT NULL,
	ends_at BIGINT NOT NULL,
	CONSTRAINT pk_console_sessions PRIMARY KEY (digest)
)
 WITHOUT ROWID
;
CREATE TABLE daily_use (
	day BIGINT NOT NULL,
	who VARCHAR NOT NULL,
	steps INTEGER NOT NULL,
	seconds FLOAT NOT NULL,
	CONSTRAINT pk_daily_use PRIMARY KEY (day, who)
)
 WITHOUT ROWID
;
CREATE TABLE duel_votes (
	duel VARCHAR NOT NULL,
	person VARCHAR NOT NULL,
	choice VARCHAR NOT NULL,
	informed BOOLEAN NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_duel_votes PRIMARY KEY (duel, person),
	CONSTRAINT fk_duel_votes_duel_duels FOREIGN KEY(duel) REFERENCES duels (turn) ON DELETE CASCADE
)
 WITHOUT ROWID
;
CREATE TABLE duels (
	turn VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	model_a VARCHAR NOT NULL,
	model_b VARCHAR NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_duels PRIMARY KEY (turn),
	CONSTRAINT fk_duels_turn_turns FOREIGN KEY(turn) REFERENCES turns (id) ON DELETE CASCADE
)
 WITHOUT ROWID
;
CREATE TABLE "feedback" (
	turn VARCHAR NOT NULL,
	person VARCHAR NOT NULL,
	passage VARCHAR NOT NULL,
	verdict VARCHAR NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_feedback PRIMARY KEY (turn, person, passage),
	CONSTRAINT fk_feedback_turn_turns FOREIGN KEY(turn) REFERENCES turns (id) ON DELETE CASCADE
)
 WITHOUT ROWID
;
CREATE TABLE first_revision (
	revision VARCHAR NOT NULL,
	CONSTRAINT pk_first_revision PRIMARY KEY (revision)
);
INSERT INTO "first_revision" VALUES('0019');
CREATE TABLE installation (
	name VARCHAR NOT NULL,
	value VARCHAR NOT NULL,
	CONSTRAINT pk_installation PRIMARY KEY (name)
);
CREATE TABLE jobs (
	id VARCHAR NOT NULL,
	person VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	place VARCHAR NOT NULL,
	private BOOLEAN NOT NULL,
	direct BOOLEAN NOT NULL,
	kind VARCHAR NOT NULL,
	text TEXT NOT NULL,
	cron VARCHAR NOT NULL,
	zone VARCHAR NOT NULL,
	locale VARCHAR NOT NULL,
	next_at BIGINT,
	made_at BIGINT NOT NULL,
	failures INTEGER NOT NULL,
	CONSTRAINT pk_jobs PRIMARY KEY (id)
)
 WITHOUT ROWID
;
CREATE TABLE knowledge_bases (
	name VARCHAR NOT NULL,
	embedder VARCHAR NOT NULL,
	dimension INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	made_at FLOAT NOT NULL, version BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_knowledge_bases PRIMARY KEY (name)
);
CREATE TABLE knowledge_changes (
	base VARCHAR NOT NULL,
	version BIGINT NOT NULL,
	removed TEXT NOT NULL,
	CONSTRAINT pk_knowledge_changes PRIMARY KEY (base, version),
	CONSTRAINT fk_knowledge_changes_base_knowledge_bases FOREIGN KEY(base) REFERENCES knowledge_bases (name) ON DELETE CASCADE
);
CREATE TABLE "knowledge_documents" (
	id VARCHAR NOT NULL,
	base VARCHAR NOT NULL,
	source VARCHAR NOT NULL,
	location VARCHAR NOT NULL,
	title VARCHAR NOT NULL,
	digest VARCHAR NOT NULL,
	size BIGINT NOT NULL,
	modified_ns BIGINT NOT NULL,
	characters INTEGER NOT NULL,
	passages INTEGER NOT NULL,
	text BLOB NOT NULL,
	added_by VARCHAR NOT NULL,
	at FLOAT NOT NULL, left_out TEXT DEFAULT '' NOT NULL, revision VARCHAR DEFAULT '' NOT NULL, validators VARCHAR DEFAULT '' NOT NULL,
	CONSTRAINT pk_knowledge_documents PRIMARY KEY (id),
	CONSTRAINT uq_knowledge_documents_base_location UNIQUE (base, location),
	CONSTRAINT fk_knowledge_documents_base_knowledge_bases FOREIGN KEY(base) REFERENCES knowledge_bases (name) ON DELETE CASCADE
);
CREATE TABLE "knowledge_passages" (
	number INTEGER NOT NULL,
	id VARCHAR NOT NULL,
	base VARCHAR NOT NULL,
	generation INTEGER NOT NULL,
	document VARCHAR NOT NULL,
	position INTEGER NOT NULL,
	heading VARCHAR NOT NULL,
	text TEXT NOT NULL,
	vectors BLOB NOT NULL, page INTEGER DEFAULT '0' NOT NULL, slide INTEGER DEFAULT '0' NOT NULL, sheet_row INTEGER DEFAULT '0' NOT NULL, sheet VARCHAR DEFAULT '' NOT NULL,
	CONSTRAINT pk_knowledge_passages PRIMARY KEY (number),
	CONSTRAINT uq_knowledge_passages_id_generation UNIQUE (id, generation),
	CONSTRAINT fk_knowledge_passages_document_knowledge_documents FOREIGN KEY(document) REFERENCES knowledge_documents (id) ON DELETE CASCADE
);
CREATE TABLE "knowledge_pending" (
	base VARCHAR NOT NULL,
	generation INTEGER NOT NULL,
	document VARCHAR NOT NULL,
	CONSTRAINT pk_knowledge_pending PRIMARY KEY (base, generation, document),
	CONSTRAINT fk_knowledge_pending_base_knowledge_bases FOREIGN KEY(base) REFERENCES knowledge_bases (name) ON DELETE CASCADE
);
CREATE TABLE knowledge_sources (
	base VARCHAR NOT NULL,
	location VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	added_by VARCHAR NOT NULL,
	added_at FLOAT NOT NULL,
	read_at FLOAT,
	CONSTRAINT pk_knowledge_sources PRIMARY KEY (base, location)
);
CREATE TABLE knowledge_staged (
	generation INTEGER NOT NULL,
	document VARCHAR NOT NULL,
	id VARCHAR NOT NULL,
	vectors BLOB NOT NULL,
	CONSTRAINT pk_knowledge_staged PRIMARY KEY (document, generation, id)
);
CREATE TABLE knowledge_syncs (
	base VARCHAR NOT NULL,
	location VARCHAR NOT NULL,
	at FLOAT NOT NULL,
	failures INTEGER NOT NULL,
	failed_at FLOAT,
	failure TEXT NOT NULL,
	CONSTRAINT pk_knowledge_syncs PRIMARY KEY (base, location)
);
CREATE TABLE knowledge_versions (
	number INTEGER NOT NULL,
	base VARCHAR NOT NULL,
	document VARCHAR NOT NULL,
	source VARCHAR NOT NULL,
	location VARCHAR NOT NULL,
	title VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	at FLOAT NOT NULL,
	"before" BLOB,
	CONSTRAINT pk_knowledge_versions PRIMARY KEY (number),
	CONSTRAINT fk_knowledge_versions_base_knowledge_bases FOREIGN KEY(base) REFERENCES knowledge_bases (name) ON DELETE CASCADE
);
CREATE TABLE lane_tickets (
	conversation VARCHAR NOT NULL,
	number INTEGER NOT NULL,
	process VARCHAR NOT NULL,
	alone BOOLEAN NOT NULL,
	stored BOOLEAN NOT NULL,
	CONSTRAINT pk_lane_tickets PRIMARY KEY (conversation, number),
	CONSTRAINT fk_lane_tickets_process_processes FOREIGN KEY(process) REFERENCES processes (id) ON DELETE CASCADE
);
CREATE TABLE lanes (
	conversation VARCHAR NOT NULL,
	last INTEGER NOT NULL,
	CONSTRAINT pk_lanes PRIMARY KEY (conversation)
);
CREATE TABLE leases (
	name VARCHAR NOT NULL,
	process VARCHAR NOT NULL,
	CONSTRAINT pk_leases PRIMARY KEY (name),
	CONSTRAINT fk_leases_process_processes FOREIGN KEY(process) REFERENCES processes (id) ON DELETE CASCADE
);
CREATE TABLE "materials" (
	turn VARCHAR NOT NULL,
	kept TEXT NOT NULL,
	CONSTRAINT pk_materials PRIMARY KEY (turn),
	CONSTRAINT fk_materials_turn_turns FOREIGN KEY(turn) REFERENCES turns (id) ON DELETE CASCADE
);
CREATE TABLE memories (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	person VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	place VARCHAR NOT NULL,
	number INTEGER NOT NULL,
	origin VARCHAR NOT NULL,
	text TEXT NOT NULL,
	at BIGINT NOT NULL
);
CREATE TABLE occurrences (
	job VARCHAR NOT NULL,
	instant BIGINT NOT NULL,
	state VARCHAR NOT NULL,
	tries INTEGER NOT NULL,
	try_at BIGINT NOT NULL,
	posted_at BIGINT,
	ended_at BIGINT,
	CONSTRAINT pk_occurrences PRIMARY KEY (job, instant),
	CONSTRAINT fk_occurrences_job_jobs FOREIGN KEY(job) REFERENCES jobs (id) ON DELETE CASCADE
)
 WITHOUT ROWID
;
CREATE TABLE processed_events (
	platform VARCHAR NOT NULL,
	event_id VARCHAR NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_processed_events PRIMARY KEY (platform, event_id)
)
 WITHOUT ROWID
;
CREATE TABLE processes (
	id VARCHAR NOT NULL,
	host VARCHAR NOT NULL,
	schema VARCHAR NOT NULL,
	started_at BIGINT NOT NULL,
	beat_at BIGINT NOT NULL,
	told TEXT NOT NULL,
	CONSTRAINT pk_processes PRIMARY KEY (id)
);
CREATE TABLE prompts (
	turn VARCHAR NOT NULL,
	number INTEGER NOT NULL,
	model VARCHAR NOT NULL,
	prompt TEXT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_prompts PRIMARY KEY (turn, number),
	CONSTRAINT fk_prompts_turn_turns FOREIGN KEY(turn) REFERENCES turns (id) ON DELETE CASCADE
);
CREATE TABLE quotas (
	person VARCHAR NOT NULL,
	full_at BIGINT NOT NULL,
	CONSTRAINT pk_quotas PRIMARY KEY (person)
);
CREATE TABLE "quoted" (
	person VARCHAR NOT NULL,
	turn VARCHAR NOT NULL,
	CONSTRAINT pk_quoted PRIMARY KEY (person, turn),
	CONSTRAINT fk_quoted_turn_materials FOREIGN KEY(turn) REFERENCES materials (turn) ON DELETE CASCADE
)
 WITHOUT ROWID
;
CREATE TABLE received_events (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	platform VARCHAR NOT NULL,
	"key" VARCHAR NOT NULL,
	event VARCHAR NOT NULL,
	place VARCHAR NOT NULL,
	person VARCHAR NOT NULL,
	process VARCHAR NOT NULL,
	begun BOOLEAN NOT NULL,
	tries INTEGER NOT NULL,
	payload TEXT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT uq_received_events_platform_key UNIQUE (platform, "key")
);
CREATE TABLE "replies" (
	turn VARCHAR NOT NULL,
	platform VARCHAR NOT NULL,
	conversation VARCHAR NOT NULL,
	address TEXT NOT NULL,
	finished BOOLEAN NOT NULL,
	at BIGINT NOT NULL,
	answer VARCHAR, process VARCHAR,
	CONSTRAINT pk_replies PRIMARY KEY (turn),
	CONSTRAINT fk_replies_answer_turns FOREIGN KEY(answer) REFERENCES turns (id) ON DELETE CASCADE
)
 WITHOUT ROWID
;
CREATE TABLE sent_files (
	person VARCHAR NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_sent_files PRIMARY KEY (person)
);
CREATE TABLE server_logins (
	server VARCHAR NOT NULL,
	person VARCHAR NOT NULL,
	sealed TEXT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_server_logins PRIMARY KEY (server, person)
)
 WITHOUT ROWID
;
CREATE TABLE shown_words (
	purpose VARCHAR NOT NULL,
	digest VARCHAR NOT NULL,
	tries_left INTEGER NOT NULL,
	ends_at BIGINT NOT NULL,
	person VARCHAR NOT NULL,
	CONSTRAINT pk_shown_words PRIMARY KEY (purpose)
);
CREATE TABLE summaries (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	conversation VARCHAR NOT NULL,
	previous INTEGER,
	last VARCHAR NOT NULL,
	covers INTEGER NOT NULL,
	people TEXT NOT NULL,
	origin VARCHAR NOT NULL,
	text TEXT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT fk_summaries_previous_summaries FOREIGN KEY(previous) REFERENCES summaries (id) ON DELETE CASCADE
);
CREATE TABLE summarised (
	summary INTEGER NOT NULL,
	turn VARCHAR NOT NULL,
	CONSTRAINT pk_summarised PRIMARY KEY (summary, turn),
	CONSTRAINT fk_summarised_summary_summaries FOREIGN KEY(summary) REFERENCES summaries (id) ON DELETE CASCADE,
	CONSTRAINT fk_summarised_turn_turns FOREIGN KEY(turn) REFERENCES turns (id) ON DELETE CASCADE
)
 WITHOUT ROWID
;
CREATE TABLE suspended (
	turn VARCHAR NOT NULL,
	person VARCHAR NOT NULL,
	conversation VARCHAR NOT NULL,
	direct BOOLEAN NOT NULL,
	state TEXT NOT NULL,
	resume_at BIGINT NOT NULL,
	who VARCHAR NOT NULL,
	choice VARCHAR NOT NULL,
	"by" VARCHAR NOT NULL,
	CONSTRAINT pk_suspended PRIMARY KEY (turn),
	CONSTRAINT fk_suspended_turn_turns FOREIGN KEY(turn) REFERENCES turns (id) ON DELETE CASCADE
);
CREATE TABLE tool_calls (
	turn VARCHAR NOT NULL,
	step INTEGER NOT NULL,
	number INTEGER NOT NULL,
	tool VARCHAR NOT NULL,
	arguments TEXT NOT NULL,
	decision VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	digest VARCHAR NOT NULL,
	at BIGINT NOT NULL,
	ended_at BIGINT,
	CONSTRAINT pk_tool_calls PRIMARY KEY (turn, step, number),
	CONSTRAINT fk_tool_calls_turn_turns FOREIGN KEY(turn) REFERENCES turns (id) ON DELETE CASCADE
)
 WITHOUT ROWID
;
CREATE TABLE turn_counts (
	kind VARCHAR NOT NULL,
	at BIGINT NOT NULL,
	name VARCHAR NOT NULL,
	place VARCHAR NOT NULL,
	model VARCHAR NOT NULL,
	skill VARCHAR NOT NULL,
	turns BIGINT NOT NULL,
	failed BIGINT NOT NULL,
	measured BIGINT NOT NULL,
	read BIGINT NOT NULL,
	written BIGINT NOT NULL,
	queue_ms BIGINT NOT NULL,
	wait_ms BIGINT NOT NULL,
	machine_ms BIGINT NOT NULL,
	CONSTRAINT pk_turn_counts PRIMARY KEY (kind, at, name, place, model, skill)
)
 WITHOUT ROWID
;
CREATE TABLE "turns" (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR NOT NULL,
	platform VARCHAR NOT NULL,
	conversation VARCHAR NOT NULL,
	role VARCHAR NOT NULL,
	text TEXT NOT NULL,
	author VARCHAR NOT NULL,
	author_name VARCHAR NOT NULL,
	at BIGINT NOT NULL,
	command VARCHAR NOT NULL,
	options TEXT NOT NULL,
	event_id VARCHAR NOT NULL,
	answers VARCHAR,
	remember BOOLEAN NOT NULL,
	superseded BOOLEAN NOT NULL,
	model VARCHAR NOT NULL,
	status VARCHAR NOT NULL,
	usage TEXT,
	explanation TEXT, cut TEXT, private BOOLEAN, error VARCHAR, wait_ms BIGINT DEFAULT '0' NOT NULL, total_ms BIGINT DEFAULT '0' NOT NULL, written BIGINT DEFAULT '0' NOT NULL, process VARCHAR,
	CONSTRAINT uq_turns_id UNIQUE (id),
	CONSTRAINT fk_turns_answers_turns FOREIGN KEY(answers) REFERENCES turns (id) ON DELETE CASCADE
);
CREATE INDEX ix_processed_events_at ON processed_events (at);
CREATE INDEX ix_turns_author ON turns (author);
CREATE INDEX ix_turns_recent ON turns (conversation, role, remember, seq);
CREATE INDEX ix_turns_event ON turns (event_id, platform);
CREATE INDEX ix_turns_answers ON turns (answers);
CREATE INDEX ix_turns_running ON turns (status) WHERE status = 'running';
CREATE INDEX ix_replies_conversation ON replies (conversation);
CREATE INDEX ix_replies_unfinished ON replies (platform, at) WHERE finished IS 0;
CREATE INDEX ix_quoted_turn ON quoted (turn);
CREATE INDEX ix_knowledge_passages_document ON knowledge_passages (document, generation, position);
CREATE INDEX ix_turns_at ON turns (at);
CREATE INDEX ix_replies_answer ON replies (answer);
CREATE INDEX ix_feedback_at ON feedback (at);
CREATE INDEX ix_feedback_person ON feedback (person);
CREATE INDEX ix_knowledge_documents_added_by ON knowledge_documents (added_by);
CREATE INDEX ix_suspended_resume_at ON suspended (resume_at);
CREATE INDEX ix_knowledge_versions_base ON knowledge_versions (base, at);
CREATE INDEX ix_knowledge_versions_document ON knowledge_versions (document, number);
CREATE INDEX ix_jobs_person ON jobs (person);
CREATE INDEX ix_jobs_place ON jobs (place);
CREATE INDEX ix_jobs_made_at ON jobs (made_at);
CREATE INDEX ix_jobs_next_at ON jobs (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX ix_occurrences_ended_at ON occurrences (ended_at);
CREATE INDEX ix_occurrences_open ON occurrences (try_at) WHERE ended_at IS NULL;
CREATE INDEX ix_memories_place ON memories (place, person);
CREATE INDEX ix_memories_person ON memories (person);
CREATE INDEX ix_summaries_conversation ON summaries (conversation);
CREATE INDEX ix_summaries_previous ON summaries (previous);
CREATE INDEX ix_summaries_at ON summaries (at);
CREATE INDEX ix_summarised_turn ON summarised (turn);
CREATE INDEX ix_access_tokens_person ON access_tokens (person);
CREATE INDEX ix_access_tokens_ends_at ON access_tokens (ends_at);
CREATE INDEX ix_server_logins_person ON server_logins (person);
CREATE INDEX ix_tool_calls_open ON tool_calls (state) WHERE state IN ('waiting', 'running', 'untold');
CREATE INDEX ix_console_sessions_person ON console_sessions (person);
CREATE INDEX ix_console_sessions_ends_at ON console_sessions (ends_at);
CREATE INDEX ix_console_changes_at ON console_changes (at);
CREATE INDEX ix_console_changes_person ON console_changes (person);
CREATE INDEX ix_turns_error ON turns (error) WHERE error IS NOT NULL;
CREATE INDEX ix_turns_listed ON turns (seq, at, conversation, command, model, status, wait_ms, total_ms, written, answers, role) WHERE role = 'assistant';
CREATE INDEX ix_duel_votes_person ON duel_votes (person);
CREATE INDEX ix_duel_votes_at ON duel_votes (at);
CREATE INDEX ix_prompts_at ON prompts (at);
CREATE INDEX ix_lane_tickets_process ON lane_tickets (process);
CREATE INDEX ix_knowledge_passages_base ON knowledge_passages (base, generation, number);
CREATE INDEX ix_received_events_person ON received_events (person);
CREATE INDEX ix_received_events_process ON received_events (process);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('turns',0);
