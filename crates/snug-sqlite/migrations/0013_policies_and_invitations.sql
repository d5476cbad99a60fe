-- Who may do what in a room, where it is otherwise than the table in the program says: a JSON
-- object of operation to least role.

ALTER TABLE rooms ADD COLUMN policy TEXT;

-- Who asked a user in, and when; no user: the backend. Kept when the invitation ends without a
-- joining, since then nothing of the room may be shown.
ALTER TABLE members ADD COLUMN invited_by TEXT;
ALTER TABLE members ADD COLUMN invited_at INTEGER;
CREATE INDEX members_invited ON members (rk) WHERE state = 'invited';
