-- What is over is found by its age, without looking at what is not.
CREATE INDEX inbox_payloads ON inbox (done_ms, id) WHERE done_ms IS NOT NULL AND length(body) > 0;
CREATE INDEX inbox_over ON inbox (received_ms, id) WHERE done_ms IS NOT NULL OR due_ms IS NULL;
CREATE INDEX outbox_done ON outbox (done_ms, id) WHERE done_ms IS NOT NULL;
CREATE INDEX feed_by_age ON feed (at_ms, cursor);
CREATE INDEX inbox_dead ON inbox (id) WHERE done_ms IS NULL AND due_ms IS NULL;
CREATE INDEX issues_settled ON issues (settled_ms, id) WHERE settled_ms IS NOT NULL;
