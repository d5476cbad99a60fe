-- Messages that are pinned for everybody in their room.

ALTER TABLE messages ADD COLUMN pinned_at INTEGER;
CREATE INDEX messages_pinned ON messages (rk, pinned_at) WHERE pinned_at IS NOT NULL;
