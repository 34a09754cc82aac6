-- Those who follow the change feed.

-- What the node was: 0 file, 1 folder. NULL in rows from before, and where there was no node.
ALTER TABLE change ADD COLUMN folder INTEGER;

-- How far each has come: everything up to `seq` is acknowledged.
CREATE TABLE feed_cursor (
    name TEXT    NOT NULL PRIMARY KEY,
    seq  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
