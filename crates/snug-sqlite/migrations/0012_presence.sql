-- Who does not want to be seen as online, and when each user was last.
ALTER TABLE users ADD COLUMN invisible INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN last_seen_at INTEGER;
