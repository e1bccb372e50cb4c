//! Every statement, once. Each is whole, portable where the databases agree, and prepared by a test on both.
//!
//! Rules that keep them portable: `$1` placeholders, no arithmetic between two of them; columns are text, 64-bit
//! integers and bytes; the order of `RETURNING` is not relied on. Where the databases differ, the part is named
//! (`statement.rs`).

#[macro_use]
mod statement;

pub(crate) use statement::Statement;

statements! {
    // Transactions. One that writes takes SQLite's write lock at once, since SQLite refuses (and does not let wait) a
    // transaction that read before it wanted to write. One that reads sees the same state to its end.

    BEGIN = ["BEGIN" (either " IMMEDIATE" "")];

    BEGIN_READING = ["BEGIN" (either "" " ISOLATION LEVEL REPEATABLE READ READ ONLY")];

    COMMIT = ["COMMIT"];

    ROLLBACK = ["ROLLBACK"];

    // Opening. Only SQLite: other nodes may be at work on a PostgreSQL database.

    VOID_LEASES = ["
        UPDATE issues SET lease_owner = NULL, lease_expires_ms = NULL WHERE lease_owner IS NOT NULL"];

    VOID_OUTBOX_LEASES = ["
        UPDATE outbox SET leased_by = NULL, leased_until_ms = NULL WHERE leased_by IS NOT NULL"];

    VOID_ROLES = ["
        DELETE FROM roles"];

    // Nodes. A row of one that is gone is removed by whoever frees what it held.

    NODE_WORKER = ["
        SELECT worker FROM nodes WHERE name = $1" row_lock];

    VOID_LEASES_OF = ["
        UPDATE issues SET lease_owner = NULL, lease_expires_ms = NULL WHERE lease_owner = $1"];

    VOID_OUTBOX_LEASES_OF = ["
        UPDATE outbox SET leased_by = NULL, leased_until_ms = NULL WHERE leased_by = $1"];

    REGISTER_NODE = ["
        INSERT INTO nodes (name, worker, since_ms, beat_ms)
        VALUES ($1, $2, " (now "$3") ", " (now "$3") ")
        ON CONFLICT (name) DO UPDATE SET
            worker = excluded.worker, since_ms = excluded.since_ms, beat_ms = excluded.beat_ms"];

    BEAT = ["
        INSERT INTO nodes (name, worker, since_ms, beat_ms)
        VALUES ($1, $2, " (now "$3") ", " (now "$3") ")
        ON CONFLICT (name) DO UPDATE SET beat_ms = excluded.beat_ms WHERE nodes.worker = excluded.worker"];

    OTHER_NODES = ["
        SELECT 1 FROM nodes WHERE name <> $1 AND " (now "$2") " - $3 < beat_ms LIMIT 1"];

    REMOVE_GONE_NODES = ["
        DELETE FROM nodes WHERE name <> $1 AND beat_ms <= " (now "$2") " - $3 RETURNING worker"];

    SILENCE = ["
        SELECT " (now "$2") " - beat_ms FROM nodes WHERE name = $1"];

    HOLD_ROLE = ["
        INSERT INTO roles (name, node, expires_ms)
        VALUES ($1, $2, " (now "$3") " + $4)
        ON CONFLICT (name) DO UPDATE SET node = excluded.node, expires_ms = excluded.expires_ms
        WHERE roles.node = excluded.node OR roles.expires_ms <= " (now "$3")];

    RELEASE_ROLE = ["
        DELETE FROM roles WHERE name = $1 AND node = $2"];

    PULSE = ["
        SELECT COALESCE((SELECT MAX(id) FROM inbox), 0), COALESCE((SELECT MAX(cursor) FROM feed), 0)"];

    // Readiness. Nobody reads what is written, and writing what is there already dirties a page all the same.

    TRY_TO_WRITE = [(either "
        PRAGMA user_version = 0" "
        UPDATE trial SET written = written")];

    // Inbox.

    RECEIVE = ["
        INSERT INTO inbox (source, delivery_id, event, body, body_sha256, received_ms, due_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT DO NOTHING"];

    INBOX_DUE = ["
        SELECT id, delivery_id, event, body, received_ms, attempts
        FROM inbox
        WHERE source = $1 AND done_ms IS NULL AND due_ms <= $2
        ORDER BY id
        LIMIT $3"];

    INBOX_DONE = ["
        UPDATE inbox SET done_ms = $2 WHERE id = $1 AND done_ms IS NULL"];

    INBOX_FAILED = ["
        UPDATE inbox SET due_ms = $2, error = $3, attempts = attempts + 1 WHERE id = $1 AND done_ms IS NULL"];

    INBOX_DEAD = ["
        SELECT id, source, delivery_id, event, received_ms, attempts, error, COUNT(*) OVER () AS total
        FROM inbox
        WHERE done_ms IS NULL AND due_ms IS NULL
        ORDER BY id DESC
        LIMIT $1"];

    // Issues.

    LOAD = ["
        SELECT id, version, facts_version, facts FROM issues WHERE id = $1"];

    LIST = ["
        SELECT id, version, facts_version, facts
        FROM issues
        WHERE (CAST($1 AS TEXT) IS NULL OR project_id = $1)
          AND (CAST($2 AS TEXT) IS NULL OR ticket_key = $2)
          AND (CAST($3 AS BIGINT) = 0 OR settled_ms IS NULL)
          AND (CAST($4 AS TEXT) IS NULL OR (updated_ms, id) < (SELECT updated_ms, id FROM issues WHERE id = $4))
        ORDER BY updated_ms DESC, id DESC
        LIMIT $5"];

    // A pull request is known by its number before it is known by its branch: a branch name may be used again.
    FIND_BY_PULL_REQUEST = ["
        SELECT id
        FROM issues
        WHERE project_id = $1 AND (branch = $2 OR pr_number = $3)
        ORDER BY CASE WHEN pr_number = $3 THEN 0 ELSE 1 END, updated_ms DESC, id
        LIMIT 1"];

    READY = ["
        SELECT id, project_id, next_run_type, priority, ready_since_ms
        FROM issues
        WHERE next_run_type IS NOT NULL
          AND next_due_ms <= $1
          AND (lease_owner IS NULL OR lease_expires_ms <= " (now "$1") ")
          AND (home_node IS NULL OR home_node = $3 OR NOT EXISTS (
              SELECT 1 FROM nodes WHERE name = home_node AND " (now "$1") " - $4 < beat_ms))
        ORDER BY ready_since_ms, id
        LIMIT $2"];

    SETTLED = ["
        SELECT id, settled_ms
        FROM issues
        WHERE settled_ms < $1 AND (settled_ms, id) > ($2, $3)
        ORDER BY settled_ms, id
        LIMIT $4"];

    NEXT_DUE = ["
        SELECT MIN(next_due_ms) FROM issues WHERE next_kind = 'wait' AND next_due_ms > $1"];

    STARTS_SINCE = ["
        SELECT issues.project_id, COUNT(*)
        FROM runs JOIN issues ON issues.id = runs.issue_id
        WHERE runs.started_ms > $1
        GROUP BY issues.project_id"];

    INSERT_ISSUE = ["
        INSERT INTO issues (id, version, facts_version, facts, project_id, ticket_key, branch, pr_number, priority, state,
            next_kind, next_run_type, next_due_ms, ready_since_ms, settled_ms, updated_ms, home_node)
        VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
            CASE WHEN $10 = 'settled' THEN CAST($14 AS BIGINT) END, $15, $16)
        ON CONFLICT (id) DO NOTHING"];

    // An issue keeps its place among the ready ones, and the time of its end, until they are something else.
    UPDATE_ISSUE = ["
        UPDATE issues SET
            version = version + 1, facts_version = $2, facts = $3, project_id = $4, ticket_key = $5, branch = $6,
            pr_number = $7, priority = $8, state = $9, next_kind = $10, next_run_type = $11, next_due_ms = $12,
            ready_since_ms = CASE WHEN next_run_type = $11 THEN ready_since_ms ELSE $13 END,
            settled_ms = CASE WHEN $10 = 'settled' THEN COALESCE(settled_ms, $14) END,
            updated_ms = $15,
            home_node = $16
        WHERE id = $1 AND version = $17"];

    // Observations and feed.

    IS_LOGGED = ["
        SELECT 1 FROM observations WHERE issue_id = $1 AND kind = $2 AND occurrence = $3"];

    APPEND_OBSERVATION = ["
        INSERT INTO observations (issue_id, version, position, at_ms, kind, occurrence, correlation, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (issue_id, kind, occurrence) DO NOTHING"];

    OBSERVATIONS = ["
        SELECT issue_id, version, position, at_ms, kind, body
        FROM observations
        WHERE issue_id = $1
        ORDER BY version DESC, position DESC
        LIMIT $2"];

    // Cursors must become visible in their order, or a reader would go past a line that is committed late. SQLite has
    // one writer at a time; on PostgreSQL the row of the last cursor is locked until the transaction ends.
    APPEND_FEED = [(either "
        INSERT INTO feed (at_ms, issue_id, entry) VALUES ($1, $2, $3)" "
        WITH last AS (UPDATE feed_cursor SET cursor = cursor + 1 RETURNING cursor)
        INSERT INTO feed (cursor, at_ms, issue_id, entry) SELECT cursor, $1, $2, $3 FROM last")];

    FEED = ["
        SELECT cursor, at_ms, issue_id, entry FROM feed WHERE $1 < cursor ORDER BY cursor LIMIT $2"];

    FEED_OF_ISSUE = ["
        SELECT cursor, at_ms, issue_id, entry
        FROM feed
        WHERE issue_id = $3 AND $1 < cursor
        ORDER BY cursor
        LIMIT $2"];

    NEWEST_FEED = ["
        SELECT cursor, at_ms, issue_id, entry FROM feed ORDER BY cursor DESC LIMIT $1"];

    NEWEST_FEED_OF_ISSUE = ["
        SELECT cursor, at_ms, issue_id, entry FROM feed WHERE issue_id = $2 ORDER BY cursor DESC LIMIT $1"];

    // Leases.

    ACQUIRE = ["
        UPDATE issues
        SET lease_owner = $2, lease_token = lease_token + 1, lease_expires_ms = " (now "$3") " + $4
        WHERE id = $1 AND (lease_owner IS NULL OR lease_expires_ms <= " (now "$3") ")
          AND (home_node IS NULL OR home_node = $5 OR NOT EXISTS (
              SELECT 1 FROM nodes WHERE name = home_node AND " (now "$3") " - $6 < beat_ms))
        RETURNING lease_token, lease_expires_ms"];

    RENEW = ["
        UPDATE issues
        SET lease_expires_ms = " (now "$4") " + $5
        WHERE id = $1 AND lease_owner = $2 AND lease_token = $3 AND " (now "$4") " < lease_expires_ms
        RETURNING lease_expires_ms"];

    RELEASE = ["
        UPDATE issues
        SET lease_owner = NULL, lease_expires_ms = NULL
        WHERE id = $1 AND lease_owner = $2 AND lease_token = $3"];

    IS_HELD = ["
        SELECT 1
        FROM issues
        WHERE id = $1 AND lease_owner = $2 AND lease_token = $3 AND " (now "$4") " < lease_expires_ms" row_lock];

    // Runs.

    INSERT_RUN = ["
        INSERT INTO runs (id, issue_id, run_type, state, started_ms) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING"];

    ADVANCE_RUN = ["
        UPDATE runs SET state = $3 WHERE id = $1 AND issue_id = $2 AND ended_ms IS NULL"];

    RUN_ENDED = ["
        SELECT ended_ms FROM runs WHERE id = $1 AND issue_id = $2"];

    END_RUN = ["
        UPDATE runs SET outcome = $3, ended_ms = $4 WHERE id = $1 AND issue_id = $2 AND ended_ms IS NULL"];

    KEEP_TEXT = ["
        INSERT INTO run_texts (run_id, at_ms, kind, text) VALUES ($1, $2, $3, $4)"];

    TEXTS_OF = ["
        SELECT id, at_ms, kind, text FROM run_texts WHERE run_id = $1 ORDER BY id DESC LIMIT $2"];

    RUN = ["
        SELECT id, issue_id, run_type, state, outcome, started_ms, ended_ms FROM runs WHERE id = $1"];

    RUNS_OF = ["
        SELECT id, issue_id, run_type, state, outcome, started_ms, ended_ms
        FROM runs
        WHERE issue_id = $1
        ORDER BY started_ms, id"];

    ORPHANED_RUNS = ["
        SELECT r.id, r.issue_id, r.run_type, r.state, r.outcome, r.started_ms, r.ended_ms
        FROM runs r
        JOIN issues i ON i.id = r.issue_id
        WHERE r.ended_ms IS NULL AND (i.lease_owner IS NULL OR i.lease_expires_ms <= " (now "$1") ")
          AND (i.home_node IS NULL OR i.home_node = $2 OR NOT EXISTS (
              SELECT 1 FROM nodes WHERE name = i.home_node AND " (now "$1") " - $3 < beat_ms))
        ORDER BY r.started_ms, r.id"];

    // Outbox.

    INSERT_ORDER = ["
        INSERT INTO outbox
            (issue_id, version, position, entity_id, target, lane, set_key, urgent, body, due_ms, expires_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"];

    // A lane goes in the order of its issue's versions, one report at a time. An urgent report waits only for urgent
    // ones before it, and the others wait for an urgent one that is due. One that a newer one supersedes is only ended,
    // so it waits for nothing but its turn.
    OUTBOX_TAKE = ["
        WITH due AS (
            SELECT o.id
            FROM outbox o
            WHERE o.done_ms IS NULL
              AND (CAST($5 AS BIGINT) = 0 OR o.urgent = 1)
              AND (o.leased_until_ms IS NULL OR o.leased_until_ms <= " (now "$3") ")
              AND (
                  (o.due_ms <= $3
                   AND NOT EXISTS (SELECT 1 FROM outbox_pauses p WHERE p.target = o.target AND $3 < p.until_ms))
                  OR EXISTS (
                      SELECT 1
                      FROM outbox newer
                      WHERE newer.lane = o.lane
                        AND newer.done_ms IS NULL
                        AND newer.set_key = o.set_key
                        AND (newer.version, newer.position) > (o.version, o.position)))
              AND NOT EXISTS (
                  SELECT 1
                  FROM outbox other
                  WHERE other.lane = o.lane
                    AND other.done_ms IS NULL
                    AND other.urgent >= o.urgent
                    AND ((other.version, other.position) < (o.version, o.position)
                         OR (other.urgent > o.urgent AND other.due_ms <= $3)))
            ORDER BY o.urgent DESC, o.id
            LIMIT $4" skip_locked ")
        UPDATE outbox
        SET leased_by = $1, leased_until_ms = " (now "$3") " + $2
        WHERE id IN (SELECT id FROM due)
        RETURNING id, issue_id, entity_id, urgent, body, attempts, expires_ms, leased_by, leased_until_ms,
            CAST(CASE WHEN EXISTS (
                SELECT 1
                FROM outbox newer
                WHERE newer.lane = outbox.lane
                  AND newer.done_ms IS NULL
                  AND newer.set_key = outbox.set_key
                  AND (newer.version, newer.position) > (outbox.version, outbox.position))
            THEN 1 ELSE 0 END AS BIGINT) AS superseded"];

    OUTBOX_DONE = ["
        UPDATE outbox
        SET done_ms = $2, error = $3, leased_by = NULL, leased_until_ms = NULL
        WHERE id = $1 AND done_ms IS NULL"];

    OUTBOX_FAILED = ["
        UPDATE outbox
        SET due_ms = $2, error = $3, attempts = attempts + 1, leased_by = NULL, leased_until_ms = NULL
        WHERE id = $1 AND done_ms IS NULL AND leased_by = $4 AND leased_until_ms = $5"];

    OUTBOX_PAUSE = ["
        INSERT INTO outbox_pauses (target, until_ms, error)
        SELECT target, $2, $3 FROM outbox WHERE id = $1
        ON CONFLICT (target) DO UPDATE SET until_ms = excluded.until_ms, error = excluded.error
        WHERE outbox_pauses.until_ms < excluded.until_ms"];

    OUTBOX_PENDING = ["
        SELECT COUNT(*) FROM outbox WHERE done_ms IS NULL"];

    // The census. Every number comes from an index: partial ones of what is not over, and one of all issues.

    ISSUES_BY_STATE = ["
        SELECT project_id, state, COUNT(*) FROM issues GROUP BY project_id, state ORDER BY project_id, state"];

    CENSUS = ["
        SELECT
            (SELECT COUNT(*) FROM issues
             WHERE next_run_type IS NOT NULL AND next_due_ms <= $1
               AND (lease_owner IS NULL OR lease_expires_ms <= " (now "$1") ")),
            (SELECT COUNT(*) FROM runs WHERE ended_ms IS NULL),
            COALESCE((SELECT MAX(id) FROM inbox), 0),
            (SELECT COUNT(*) FROM inbox WHERE done_ms IS NULL AND due_ms IS NOT NULL),
            (SELECT MIN(received_ms) FROM inbox WHERE done_ms IS NULL AND due_ms IS NOT NULL),
            (SELECT COUNT(*) FROM inbox WHERE done_ms IS NULL AND due_ms IS NULL),
            (SELECT COUNT(*) FROM outbox WHERE done_ms IS NULL),
            (SELECT MIN(due_ms) FROM outbox WHERE done_ms IS NULL)"];

    // Retention. Every statement takes the oldest of what is over, through an index of it.

    FORGET_PAYLOADS = ["
        UPDATE inbox
        SET body = " (either "X''" "''") "
        WHERE id IN (SELECT id FROM inbox WHERE done_ms < $1 AND length(body) > 0 ORDER BY done_ms, id LIMIT $2)"];

    FORGET_DELIVERIES = ["
        DELETE FROM inbox
        WHERE id IN (
            SELECT id
            FROM inbox
            WHERE received_ms < $1 AND (done_ms IS NOT NULL OR due_ms IS NULL)
            ORDER BY received_ms, id
            LIMIT $2)"];

    FORGET_REPORTS = ["
        DELETE FROM outbox
        WHERE id IN (
            SELECT o.id
            FROM outbox o
            JOIN issues i ON i.id = o.issue_id
            WHERE o.done_ms < $1 AND i.settled_ms IS NOT NULL
            ORDER BY o.done_ms, o.id
            LIMIT $2)"];

    FORGET_FEED = ["
        DELETE FROM feed
        WHERE cursor IN (SELECT cursor FROM feed WHERE at_ms < $1 ORDER BY at_ms, cursor LIMIT $2)"];

    FORGET_RUN_TEXTS = ["
        DELETE FROM run_texts
        WHERE id IN (SELECT id FROM run_texts WHERE at_ms < $1 ORDER BY at_ms, id LIMIT $2)"];
}
