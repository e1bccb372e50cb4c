-- Too many starts in the last hour stop a project.
CREATE INDEX runs_by_start ON runs (started_ms);
