-- A member's own settings of a room; rooms that are archived and tagged, and the rev of their own
-- last change.

ALTER TABLE rooms ADD COLUMN tags TEXT;
ALTER TABLE heads ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE heads ADD COLUMN room_rev INTEGER NOT NULL DEFAULT 1;

ALTER TABLE members ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
-- The last nanosecond there is: for ever.
ALTER TABLE members ADD COLUMN muted_until INTEGER;
ALTER TABLE members ADD COLUMN hidden_count INTEGER;
ALTER TABLE members ADD COLUMN folder TEXT;
ALTER TABLE members ADD COLUMN settings_rev INTEGER NOT NULL DEFAULT 0;

-- Still covering for the list: what orders it and what it leaves out of itself is in it.
DROP INDEX members_by_user;
CREATE INDEX members_by_user ON members
  (app, user, state, left_activity_at, pinned, hidden_count, muted_until, folder);
