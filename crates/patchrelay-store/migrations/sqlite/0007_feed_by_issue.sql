-- Whoever follows one issue does not read the lines of all others.
CREATE INDEX feed_by_issue ON feed (issue_id, cursor);
