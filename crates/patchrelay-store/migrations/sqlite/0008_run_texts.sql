-- What was said in runs, for people who look into them.
CREATE TABLE run_texts (
    id     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES runs (id),
    at_ms  INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    text   TEXT NOT NULL
) STRICT;

CREATE INDEX run_texts_by_run ON run_texts (run_id, id);
CREATE INDEX run_texts_by_age ON run_texts (at_ms, id);
