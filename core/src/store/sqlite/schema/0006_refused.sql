-- Accounts whose provider does not let them in any more; `enabled` stays the administrator's own word.
ALTER TABLE user ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
