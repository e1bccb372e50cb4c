-- Who receives a report. What was ordered before nobody knew is never paused.
ALTER TABLE outbox ADD COLUMN target TEXT NOT NULL DEFAULT '';
-- Of the reports of one lane with the same key only the newest one counts; NULL: each of them does.
ALTER TABLE outbox ADD COLUMN set_key TEXT;
UPDATE outbox SET set_key = 'move_ticket' WHERE lane LIKE '%#ticket';

-- Who limits our requests, or is away.
CREATE TABLE outbox_pauses (
    target   TEXT   NOT NULL PRIMARY KEY,
    until_ms INTEGER NOT NULL,
    error    TEXT   NOT NULL
) STRICT;
