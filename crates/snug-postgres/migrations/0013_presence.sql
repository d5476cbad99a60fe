-- Who does not want to be seen as online, and when each user was last.
ALTER TABLE users ADD COLUMN invisible boolean NOT NULL DEFAULT false;
ALTER TABLE users ADD COLUMN last_seen_at bigint;
