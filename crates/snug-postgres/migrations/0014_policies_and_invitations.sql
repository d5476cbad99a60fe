-- Who may do what in a room, where it is otherwise than the table in the program says: a JSON
-- object of operation to least role.

ALTER TABLE rooms ADD COLUMN policy text;

-- Who asked a user in, and when; no user: the backend. Kept when the invitation ends without a
-- joining, since then nothing of the room may be shown.
ALTER TABLE members
    ADD COLUMN invited_by text COLLATE "C",
    ADD COLUMN invited_at bigint;
-- The second condition, which is always, keeps it for the one statement that repeats it.
CREATE INDEX members_invited ON members (app, room) WHERE state = 'invited' AND rev >= 0;
