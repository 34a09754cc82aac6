-- The first schema. Never edit it: its checksum is recorded. Changes go into the next number.

-- Facts of the installation.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: the greatest sequence number that a committed change has used.
CREATE TABLE counter (
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO counter (seq) VALUES (0);

-- Files and folders. `parent` is 0 for roots (their name is the user id) and -1 for what is deleted
-- and not yet swept (its name is its id), so that UNIQUE (parent, name) holds for those, too.
CREATE TABLE node (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    parent    INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    kind      INTEGER NOT NULL,             -- 0 file, 1 folder
    size      INTEGER NOT NULL,
    mtime     INTEGER NOT NULL,
    created   INTEGER,
    uploaded  INTEGER NOT NULL,
    content   INTEGER NOT NULL,
    tree      INTEGER NOT NULL,
    tag       TEXT    NOT NULL,
    stage     TEXT,
    checksums TEXT    NOT NULL,
    has_props INTEGER NOT NULL DEFAULT 0    -- 1 if `prop` has rows of it
) STRICT;
CREATE UNIQUE INDEX node_by_name ON node (parent, name);
CREATE INDEX node_by_stage ON node (stage) WHERE stage IS NOT NULL;
CREATE INDEX node_by_tag ON node (tag) WHERE tag <> '';
CREATE INDEX node_with_props ON node (parent) WHERE has_props = 1;

CREATE TABLE home (
    owner TEXT    NOT NULL PRIMARY KEY,
    root  INTEGER NOT NULL UNIQUE,
    base  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- The change feed. `seq` is the low 40 bits of `stamp`: it rises also when the era changes.
CREATE TABLE change (
    seq        INTEGER PRIMARY KEY,
    stamp      INTEGER NOT NULL,
    time       INTEGER NOT NULL,
    actor      TEXT,
    origin     TEXT    NOT NULL,
    kind       INTEGER NOT NULL,            -- 0 created, 1 written, 2 moved, 3 deleted, 4 properties
    node       INTEGER NOT NULL,
    owner      TEXT    NOT NULL,
    path       TEXT    NOT NULL,
    old_path   TEXT,
    request_id TEXT    NOT NULL
) STRICT;

-- Decided disk operations. publish: a = stage, b = path, tag = replaces; move: a = from, b = to;
-- remove and touch: a = path.
CREATE TABLE disk_op (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    op    INTEGER NOT NULL,                 -- 0 publish, 1 move, 2 remove, 3 touch
    a     TEXT    NOT NULL,
    b     TEXT,
    tag   TEXT,
    mtime INTEGER
) STRICT;

CREATE TABLE prop (
    node      INTEGER NOT NULL,
    namespace TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    value     TEXT    NOT NULL,
    PRIMARY KEY (node, namespace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE favorite (
    user TEXT    NOT NULL,
    node INTEGER NOT NULL,
    PRIMARY KEY (user, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX favorite_by_node ON favorite (node);

CREATE TABLE lock (
    token   TEXT    NOT NULL PRIMARY KEY,
    node    INTEGER NOT NULL,
    user    TEXT    NOT NULL,
    kind    INTEGER NOT NULL,               -- 0 user, 1 token
    scope   INTEGER NOT NULL,               -- 0 exclusive, 1 shared
    depth   INTEGER NOT NULL,               -- 0 zero, 1 infinity
    owner   TEXT    NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    timeout INTEGER NOT NULL
) STRICT;
CREATE INDEX lock_by_node ON lock (node);

CREATE TABLE upload (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user    TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    total   INTEGER,
    file    TEXT,
    touched INTEGER NOT NULL,
    UNIQUE (user, name)
) STRICT;

CREATE TABLE chunk (
    upload INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    size   INTEGER NOT NULL,
    "offset" INTEGER,
    parked TEXT,
    mtime  INTEGER NOT NULL,
    PRIMARY KEY (upload, name)
) STRICT, WITHOUT ROWID;

-- `taken_uid` outlives `user`: an id is never given to a second person.
CREATE TABLE taken_uid (
    uid TEXT NOT NULL PRIMARY KEY COLLATE NOCASE
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
    uid          TEXT    NOT NULL PRIMARY KEY COLLATE NOCASE,
    provider     TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    email        TEXT COLLATE NOCASE,
    password     TEXT,
    quota        INTEGER,
    enabled      INTEGER NOT NULL,
    admin        INTEGER NOT NULL,
    language     TEXT    NOT NULL,
    created      INTEGER NOT NULL,
    last_login   INTEGER,
    UNIQUE (provider, subject)
) STRICT;
CREATE INDEX user_by_email ON user (email) WHERE email IS NOT NULL;

CREATE TABLE user_group (
    name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
    uid        TEXT NOT NULL COLLATE NOCASE,
    group_name TEXT NOT NULL,
    PRIMARY KEY (uid, group_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_by_group ON member (group_name);

CREATE TABLE token (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    uid       TEXT    NOT NULL COLLATE NOCASE,
    login     TEXT    NOT NULL,
    hash      TEXT    NOT NULL UNIQUE,
    name      TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    last_used INTEGER,
    expires   INTEGER,
    read_only INTEGER NOT NULL,
    folder    TEXT,
    wipe      INTEGER NOT NULL,
    one_time  INTEGER NOT NULL
) STRICT;
CREATE INDEX token_by_uid ON token (uid);

CREATE TABLE session (
    hash      TEXT    NOT NULL PRIMARY KEY,
    uid       TEXT    NOT NULL COLLATE NOCASE,
    created   INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_uid ON session (uid);

CREATE TABLE login_flow (
    poll_hash     TEXT    NOT NULL PRIMARY KEY,
    login_hash    TEXT    NOT NULL UNIQUE,
    client        TEXT    NOT NULL,
    created       INTEGER NOT NULL,
    granted_uid   TEXT COLLATE NOCASE,
    granted_login TEXT,
    server        TEXT    NOT NULL,
    opened        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
