-- Storages beside the data folder's own, by the name that server.toml gives them. The tree of a mount
-- is a home whose owner and base are ":" and the number; disk paths and stage keys on such a storage
-- begin with the same.
CREATE TABLE storage (
    no   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT    NOT NULL UNIQUE
) STRICT;
