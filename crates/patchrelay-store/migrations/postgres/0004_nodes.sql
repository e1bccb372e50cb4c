-- Installations that share this database (D15).
CREATE TABLE nodes (
    name     TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    -- The process that is this node now.
    worker   TEXT   NOT NULL,
    since_ms BIGINT NOT NULL,
    -- When it was last heard of, by the clock of this database.
    beat_ms  BIGINT NOT NULL
);

-- What one node does for all of them.
CREATE TABLE roles (
    name       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    node       TEXT   NOT NULL,
    expires_ms BIGINT NOT NULL
);

-- The node that has the issue's directory; NULL as long as there is none.
ALTER TABLE issues ADD COLUMN home_node TEXT;
