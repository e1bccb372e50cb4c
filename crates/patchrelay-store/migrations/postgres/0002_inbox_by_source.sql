-- Deliveries are taken by source, and those of a source that nobody reads may wait in any number.
CREATE INDEX inbox_waiting_by_source ON inbox (source, id) WHERE done_ms IS NULL AND due_ms IS NOT NULL;
DROP INDEX inbox_waiting;
