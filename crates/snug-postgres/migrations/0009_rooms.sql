-- A member's own settings of a room; rooms that are archived and tagged, and the rev of their own
-- last change. No index: a list reads all of its user's rooms by the one there is.

ALTER TABLE rooms
    ADD COLUMN tags     text[] NOT NULL DEFAULT '{}',
    ADD COLUMN archived boolean NOT NULL DEFAULT false,
    ADD COLUMN room_rev bigint NOT NULL DEFAULT 1;

ALTER TABLE left_rooms
    ADD COLUMN tags     text[] NOT NULL DEFAULT '{}',
    ADD COLUMN archived boolean NOT NULL DEFAULT false,
    ADD COLUMN room_rev bigint NOT NULL DEFAULT 1;

ALTER TABLE members
    ADD COLUMN pinned       boolean NOT NULL DEFAULT false,
    -- The last nanosecond there is: for ever.
    ADD COLUMN muted_until  bigint,
    ADD COLUMN hidden_count bigint,
    ADD COLUMN folder       text,
    ADD COLUMN settings_rev bigint NOT NULL DEFAULT 0;
