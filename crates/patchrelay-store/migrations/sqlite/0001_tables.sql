-- What is filtered on is a column; the rest is JSON. Instants are milliseconds since the epoch; one that is NULL did
-- not come. Lists are read through partial indexes, so what is over costs nothing.

-- One row per issue: its facts, and what is derived from them for queries.
CREATE TABLE issues (
    id               TEXT    NOT NULL PRIMARY KEY,
    version          INTEGER NOT NULL CHECK (0 < version),
    facts_version    INTEGER NOT NULL,
    facts            TEXT    NOT NULL CHECK (json_valid(facts)),
    project_id       TEXT    NOT NULL,
    ticket_key       TEXT    NOT NULL,
    branch           TEXT,
    pr_number        INTEGER,
    priority         INTEGER NOT NULL,
    state            TEXT    NOT NULL,
    next_kind        TEXT    NOT NULL,
    next_run_type    TEXT,
    next_due_ms      INTEGER,
    -- Since when a run of this type could start; NULL when none can.
    ready_since_ms   INTEGER,
    settled_ms       INTEGER,
    updated_ms       INTEGER NOT NULL,
    lease_owner      TEXT,
    -- Survives the release of the lease, so that no two leases of an issue ever have the same one.
    lease_token      INTEGER NOT NULL DEFAULT 0,
    lease_expires_ms INTEGER,
    CHECK ((next_run_type IS NULL) = (ready_since_ms IS NULL)),
    CHECK ((lease_owner IS NULL) = (lease_expires_ms IS NULL))
) STRICT;

CREATE INDEX issues_newest ON issues (updated_ms, id);
CREATE INDEX issues_by_branch ON issues (project_id, branch) WHERE branch IS NOT NULL;
CREATE INDEX issues_by_pull_request ON issues (project_id, pr_number) WHERE pr_number IS NOT NULL;
CREATE INDEX issues_ready ON issues (next_due_ms) WHERE next_run_type IS NOT NULL;
CREATE INDEX issues_waiting ON issues (next_due_ms) WHERE next_kind = 'wait';

-- What happened to an issue. Appended, never edited.
CREATE TABLE observations (
    issue_id    TEXT    NOT NULL REFERENCES issues (id),
    version     INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    -- The id that its source gave an occurrence; NULL for a state.
    occurrence  TEXT,
    correlation TEXT    NOT NULL,
    body        TEXT    NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (issue_id, version, position),
    UNIQUE (issue_id, kind, occurrence)
) STRICT;

-- Deliveries as they came.
CREATE TABLE inbox (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    source      TEXT    NOT NULL,
    delivery_id TEXT    NOT NULL,
    event       TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    body_sha256 BLOB    NOT NULL,
    received_ms INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    -- NULL: put aside as dead.
    due_ms      INTEGER,
    done_ms     INTEGER,
    error       TEXT,
    UNIQUE (source, delivery_id),
    UNIQUE (source, body_sha256)
) STRICT;

CREATE INDEX inbox_waiting ON inbox (id) WHERE done_ms IS NULL AND due_ms IS NOT NULL;

-- Runs of the agent.
CREATE TABLE runs (
    id         TEXT    NOT NULL PRIMARY KEY,
    issue_id   TEXT    NOT NULL REFERENCES issues (id),
    run_type   TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (json_valid(state)),
    outcome    TEXT    CHECK (outcome IS NULL OR json_valid(outcome)),
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER,
    CHECK ((outcome IS NULL) = (ended_ms IS NULL))
) STRICT;

CREATE INDEX runs_by_issue ON runs (issue_id, started_ms);
-- An issue has one directory, so it never has two open runs.
CREATE UNIQUE INDEX runs_open ON runs (issue_id) WHERE ended_ms IS NULL;

-- Reports to the tracker.
CREATE TABLE outbox (
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    issue_id        TEXT    NOT NULL REFERENCES issues (id),
    version         INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    entity_id       TEXT    NOT NULL,
    -- Reports of one lane are sent one after the other.
    lane            TEXT    NOT NULL,
    urgent          INTEGER NOT NULL CHECK (urgent IN (0, 1)),
    body            TEXT    NOT NULL CHECK (json_valid(body)),
    attempts        INTEGER NOT NULL DEFAULT 0,
    due_ms          INTEGER NOT NULL,
    leased_by       TEXT,
    leased_until_ms INTEGER,
    expires_ms      INTEGER,
    done_ms         INTEGER,
    error           TEXT,
    UNIQUE (issue_id, version, position),
    CHECK ((leased_by IS NULL) = (leased_until_ms IS NULL))
) STRICT;

CREATE INDEX outbox_waiting ON outbox (lane, version, position) WHERE done_ms IS NULL;

-- What people see happening. AUTOINCREMENT: a cursor is never used again, even after old lines are removed.
CREATE TABLE feed (
    cursor   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at_ms    INTEGER NOT NULL,
    issue_id TEXT    NOT NULL,
    entry    TEXT    NOT NULL CHECK (json_valid(entry))
) STRICT;
