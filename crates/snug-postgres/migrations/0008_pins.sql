-- Messages that are pinned for everybody in their room.

ALTER TABLE messages ADD COLUMN pinned_at bigint;
CREATE INDEX messages_pinned ON messages (app, room, pinned_at) WHERE pinned_at IS NOT NULL;
