-- Installations that use this database, one after the other (D15).
CREATE TABLE nodes (
    name     TEXT    NOT NULL PRIMARY KEY,
    -- The process that is this node now.
    worker   TEXT    NOT NULL,
    since_ms INTEGER NOT NULL,
    -- When it was last heard of.
    beat_ms  INTEGER NOT NULL
) STRICT;

-- What one node does for all of them.
CREATE TABLE roles (
    name       TEXT    NOT NULL PRIMARY KEY,
    node       TEXT    NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;

-- The node that has the issue's directory; NULL as long as there is none.
ALTER TABLE issues ADD COLUMN home_node TEXT;
