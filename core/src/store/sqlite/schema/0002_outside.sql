-- Changes from outside: files that came on the disk and whose bytes were not read yet.
CREATE INDEX node_unread ON node (id) WHERE checksums = '' AND kind = 0;
