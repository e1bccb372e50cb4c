//! Every statement, once. Each is whole, portable where the databases agree, and prepared by a test.
//!
//! Rules that keep them portable: `$1` placeholders, no arithmetic between two of them, no `now()`; columns are text,
//! 64-bit integers and bytes; the order of `RETURNING` is not relied on.

/// Begins a transaction that writes. It takes the write lock at once, since SQLite refuses (and does not let wait) a
/// transaction that read before it wanted to write.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Begins a transaction that only reads.
pub(crate) const BEGIN_READING: &str = "BEGIN";

/// Ends a transaction, and makes it happen.
pub(crate) const COMMIT: &str = "COMMIT";

/// Ends a transaction, and undoes it.
pub(crate) const ROLLBACK: &str = "ROLLBACK";

/// Declares the statements, and the list of them for the test.
macro_rules! statements {
    ($($name:ident = $text:literal;)*) => {
        $(pub(crate) const $name: &str = $text;)*

        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

statements! {
    // Opening.

    VOID_LEASES = "
        UPDATE issues SET lease_owner = NULL, lease_expires_ms = NULL WHERE lease_owner IS NOT NULL";

    VOID_OUTBOX_LEASES = "
        UPDATE outbox SET leased_by = NULL, leased_until_ms = NULL WHERE leased_by IS NOT NULL";

    // Readiness. Nobody reads this number, and writing the one that is there dirties a page all the same.

    TRY_TO_WRITE = "
        PRAGMA user_version = 0";

    // Inbox.

    RECEIVE = "
        INSERT INTO inbox (source, delivery_id, event, body, body_sha256, received_ms, due_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT DO NOTHING";

    INBOX_DUE = "
        SELECT id, delivery_id, event, body, received_ms, attempts
        FROM inbox
        WHERE source = $1 AND done_ms IS NULL AND due_ms <= $2
        ORDER BY id
        LIMIT $3";

    INBOX_DONE = "
        UPDATE inbox SET done_ms = $2 WHERE id = $1 AND done_ms IS NULL";

    INBOX_FAILED = "
        UPDATE inbox SET due_ms = $2, error = $3, attempts = attempts + 1 WHERE id = $1 AND done_ms IS NULL";

    // Issues.

    LOAD = "
        SELECT id, version, facts_version, facts FROM issues WHERE id = $1";

    LIST = "
        SELECT id, version, facts_version, facts
        FROM issues
        WHERE ($1 IS NULL OR project_id = $1)
          AND ($2 IS NULL OR ticket_key = $2)
          AND (CAST($3 AS BIGINT) = 0 OR settled_ms IS NULL)
          AND ($4 IS NULL OR (updated_ms, id) < (SELECT updated_ms, id FROM issues WHERE id = $4))
        ORDER BY updated_ms DESC, id DESC
        LIMIT $5";

    // A pull request is known by its number before it is known by its branch: a branch name may be used again.
    FIND_BY_PULL_REQUEST = "
        SELECT id
        FROM issues
        WHERE project_id = $1 AND (branch = $2 OR pr_number = $3)
        ORDER BY CASE WHEN pr_number = $3 THEN 0 ELSE 1 END, updated_ms DESC, id
        LIMIT 1";

    READY = "
        SELECT id, project_id, next_run_type, priority, ready_since_ms
        FROM issues
        WHERE next_run_type IS NOT NULL
          AND next_due_ms <= $1
          AND (lease_owner IS NULL OR lease_expires_ms <= $1)
        ORDER BY ready_since_ms, id
        LIMIT $2";

    NEXT_DUE = "
        SELECT MIN(next_due_ms) FROM issues WHERE next_kind = 'wait' AND next_due_ms > $1";

    STARTS_SINCE = "
        SELECT issues.project_id, COUNT(*)
        FROM runs JOIN issues ON issues.id = runs.issue_id
        WHERE runs.started_ms > $1
        GROUP BY issues.project_id";

    INSERT_ISSUE = "
        INSERT INTO issues (id, version, facts_version, facts, project_id, ticket_key, branch, pr_number, priority, state,
            next_kind, next_run_type, next_due_ms, ready_since_ms, settled_ms, updated_ms)
        VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, CASE WHEN $10 = 'settled' THEN $14 END, $15)
        ON CONFLICT (id) DO NOTHING";

    // An issue keeps its place among the ready ones, and the time of its end, until they are something else.
    UPDATE_ISSUE = "
        UPDATE issues SET
            version = version + 1, facts_version = $2, facts = $3, project_id = $4, ticket_key = $5, branch = $6,
            pr_number = $7, priority = $8, state = $9, next_kind = $10, next_run_type = $11, next_due_ms = $12,
            ready_since_ms = CASE WHEN next_run_type = $11 THEN ready_since_ms ELSE $13 END,
            settled_ms = CASE WHEN $10 = 'settled' THEN COALESCE(settled_ms, $14) END,
            updated_ms = $15
        WHERE id = $1 AND version = $16";

    // Observations and feed.

    IS_LOGGED = "
        SELECT 1 FROM observations WHERE issue_id = $1 AND kind = $2 AND occurrence = $3";

    APPEND_OBSERVATION = "
        INSERT INTO observations (issue_id, version, position, at_ms, kind, occurrence, correlation, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (issue_id, kind, occurrence) DO NOTHING";

    OBSERVATIONS = "
        SELECT issue_id, version, position, at_ms, kind, body
        FROM observations
        WHERE issue_id = $1
        ORDER BY version DESC, position DESC
        LIMIT $2";

    APPEND_FEED = "
        INSERT INTO feed (at_ms, issue_id, entry) VALUES ($1, $2, $3)";

    FEED = "
        SELECT cursor, at_ms, issue_id, entry FROM feed WHERE $1 < cursor ORDER BY cursor LIMIT $2";

    // Leases.

    ACQUIRE = "
        UPDATE issues
        SET lease_owner = $2, lease_token = lease_token + 1, lease_expires_ms = $3
        WHERE id = $1 AND (lease_owner IS NULL OR lease_expires_ms <= $4)
        RETURNING lease_token";

    RENEW = "
        UPDATE issues
        SET lease_expires_ms = $5
        WHERE id = $1 AND lease_owner = $2 AND lease_token = $3 AND $4 < lease_expires_ms";

    RELEASE = "
        UPDATE issues
        SET lease_owner = NULL, lease_expires_ms = NULL
        WHERE id = $1 AND lease_owner = $2 AND lease_token = $3";

    IS_HELD = "
        SELECT 1
        FROM issues
        WHERE id = $1 AND lease_owner = $2 AND lease_token = $3 AND $4 < lease_expires_ms";

    // Runs.

    INSERT_RUN = "
        INSERT INTO runs (id, issue_id, run_type, state, started_ms) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING";

    ADVANCE_RUN = "
        UPDATE runs SET state = $3
        WHERE id = $2 AND issue_id = $1 AND ended_ms IS NULL
          AND EXISTS (
              SELECT 1
              FROM issues
              WHERE id = $1 AND lease_owner = $4 AND lease_token = $5 AND $6 < lease_expires_ms)";

    RUN_ENDED = "
        SELECT ended_ms FROM runs WHERE id = $1 AND issue_id = $2";

    END_RUN = "
        UPDATE runs SET outcome = $3, ended_ms = $4 WHERE id = $1 AND issue_id = $2 AND ended_ms IS NULL";

    RUN = "
        SELECT id, issue_id, run_type, state, outcome, started_ms, ended_ms FROM runs WHERE id = $1";

    RUNS_OF = "
        SELECT id, issue_id, run_type, state, outcome, started_ms, ended_ms
        FROM runs
        WHERE issue_id = $1
        ORDER BY started_ms, id";

    ORPHANED_RUNS = "
        SELECT r.id, r.issue_id, r.run_type, r.state, r.outcome, r.started_ms, r.ended_ms
        FROM runs r
        JOIN issues i ON i.id = r.issue_id
        WHERE r.ended_ms IS NULL AND (i.lease_owner IS NULL OR i.lease_expires_ms <= $1)
        ORDER BY r.started_ms, r.id";

    // Outbox.

    INSERT_ORDER = "
        INSERT INTO outbox (issue_id, version, position, entity_id, lane, urgent, body, due_ms, expires_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    // A lane goes in the order of its issue's versions, one report at a time. An urgent report waits only for urgent
    // ones before it, and the others wait for an urgent one that is due.
    OUTBOX_TAKE = "
        WITH due AS (
            SELECT o.id
            FROM outbox o
            WHERE o.done_ms IS NULL
              AND o.due_ms <= $3
              AND (o.leased_until_ms IS NULL OR o.leased_until_ms <= $3)
              AND NOT EXISTS (
                  SELECT 1
                  FROM outbox other
                  WHERE other.lane = o.lane
                    AND other.done_ms IS NULL
                    AND other.urgent >= o.urgent
                    AND ((other.version, other.position) < (o.version, o.position)
                         OR (other.urgent > o.urgent AND other.due_ms <= $3)))
            ORDER BY o.urgent DESC, o.id
            LIMIT $4)
        UPDATE outbox
        SET leased_by = $1, leased_until_ms = $2
        WHERE id IN (SELECT id FROM due)
        RETURNING id, issue_id, entity_id, urgent, body, attempts, expires_ms";

    OUTBOX_DONE = "
        UPDATE outbox
        SET done_ms = $2, error = $3, leased_by = NULL, leased_until_ms = NULL
        WHERE id = $1 AND done_ms IS NULL";

    OUTBOX_FAILED = "
        UPDATE outbox
        SET due_ms = $2, error = $3, attempts = attempts + 1, leased_by = NULL, leased_until_ms = NULL
        WHERE id = $1 AND done_ms IS NULL";

    OUTBOX_PENDING = "
        SELECT COUNT(*) FROM outbox WHERE done_ms IS NULL";
}
